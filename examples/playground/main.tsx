// The page begins: a network starts to learn at once.

import { render } from 'preact'
import { readLink } from './model/share'
import { begin, trouble } from './model/store'
import { firstSetting } from './model/setting'
import { App } from './views/app'
// In this order: later ones say more.
import './styles/page.css'
import './styles/watch.css'
import './styles/study.css'
import './styles/more.css'

render(<App />, document.querySelector('#app')!)
void beginAsAsked()

/** What a link asks for, or what the page opens with. */
async function beginAsAsked(): Promise<void> {
  try {
    const recipe = readLink(location.hash)
    if (recipe) {
      const { setting, events, promise } = recipe
      await begin(setting, true, { events, ...(promise && { promise }) })
      return
    }
  } catch (error) {
    trouble.value = (error as Error).message
  }
  await begin(firstSetting(), true)
}

addEventListener('hashchange', () => void beginAsAsked())

if ('serviceWorker' in navigator) {
  // Where it is not allowed the page works all the same, but for want of a network.
  void navigator.serviceWorker.register('./sw.js').catch(() => {})
}
