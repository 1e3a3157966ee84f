// What runs in the worker of a model. As an entry of the same build as the page it shares the page's chunks, so that nothing
// is downloaded twice.

import 'v128/worker/script'
