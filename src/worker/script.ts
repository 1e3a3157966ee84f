// What a worker of the web runs: the model that its page asks for.

import { type Scope, serve } from './serve'

serve(globalThis as unknown as Scope)
