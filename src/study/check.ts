/** One of the checks of babysit. */
export interface Check {
  /**
   * What is checked. Of the data: the scale of the `inputs`; `features` that are the same in all rows; the scale of
   * `targets`, and whether there is more than one class; whether there are enough `rows`; whether `labels` belong to
   * their rows. Of the network, as it is: the `initial loss`; what `regularisation` adds to it; `initial weights` that
   * are all the same; `outputs` that went through a softmax or sigmoid too many; `dead units`; `saturation`;
   * `gradients` that vanish or explode. Of short trainings: how fast `updates` let the loss fall, at this
   * learning rate and at others; whether a few examples can be learnt by heart (`overfit`).
   */
  readonly name:
    | 'inputs'
    | 'features'
    | 'targets'
    | 'rows'
    | 'labels'
    | 'initial loss'
    | 'regularisation'
    | 'initial weights'
    | 'outputs'
    | 'dead units'
    | 'saturation'
    | 'gradients'
    | 'updates'
    | 'overfit'
  /** Whether it is as it should be. */
  readonly ok: boolean
  /** What was found and, unless it is ok, what to do. */
  readonly text: string
}

/** A check that found nothing wrong. */
export function fine(name: Check['name'], text: string): Check {
  return { name, ok: true, text }
}

/** A check that found something to look at. */
export function look(name: Check['name'], text: string): Check {
  return { name, ok: false, text }
}
