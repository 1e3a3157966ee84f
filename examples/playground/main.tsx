// The page begins: a network starts to learn at once.

import { render } from 'preact'
import { begin } from './model/store'
import { firstSetting } from './model/setting'
import { App } from './views/app'
import './style.css'

render(<App />, document.querySelector('#app')!)
void begin(firstSetting(), true)

if ('serviceWorker' in navigator && import.meta.env.PROD) {
  // Where it is not allowed the page works all the same, but for want of a network.
  void navigator.serviceWorker.register('./sw.js').catch(() => {})
}
