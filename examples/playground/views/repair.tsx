// Broken trainings to mend: what is seen, what babysit says, and a mark when it learns.

import { GOAL, REPAIRS, ask, hints, isSolved, leave, open, repairing, solved } from '../model/repairs'
import { current, tab } from '../model/store'
import { percent } from './format'
import { Icon } from './icons'

export function Repair() {
  const now = repairing.value
  return (
    <div class="stack">
      {now && <Case />}
      <section class="card" aria-label="Broken trainings">
        <h2>{now ? 'Others' : 'Six trainings that go wrong'}</h2>
        {!now && (
          <p class="soft">
            Open one, watch it fail, find out why, and mend it: a network that gets {percent(GOAL, 0)} right is mended.
          </p>
        )}
        <ul class="cases">
          {REPAIRS.map((one) => {
            const isDone = solved.value.includes(one.id)
            return (
              <li key={one.id}>
                <button aria-pressed={one === now} data-case={one.id} onClick={() => void open(one)}>
                  <span>
                    <strong>{one.title}</strong>
                    {isDone && (
                      <span class="done">
                        <Icon name="check" />
                        mended
                      </span>
                    )}
                  </span>
                  <span class="soft">{one.symptom}</span>
                </button>
              </li>
            )
          })}
        </ul>
      </section>
    </div>
  )
}

function Case() {
  const { title, symptom, moral } = repairing.value!
  const run = current.value!
  const found = hints.value
  return (
    <section class="card case" aria-label="The broken training" data-version={run.version.value}>
      <h2>{title}</h2>
      <p>{symptom}</p>
      <div role="status">
        {isSolved.value && (
          <p class="note good" data-testid="solved">
            <strong>Mended.</strong> {moral}
          </p>
        )}
      </div>
      <div class="row">
        <button onClick={() => void ask()} disabled={found === 'asking'}>
          {found === 'asking' ? 'Babysit looks …' : 'A hint: ask babysit'}
        </button>
        <button onClick={() => (tab.value = 'inside')}>Look inside</button>
        <button class={isSolved.value ? '' : 'primary'} onClick={() => (tab.value = 'change')}>
          Change it
        </button>
        <button class="quiet" onClick={() => void leave()}>
          Leave
        </button>
      </div>
      <div role="status">
        {Array.isArray(found) && (
          <>
            <h3>{found.length ? 'Babysit says' : 'Babysit finds nothing wrong.'}</h3>
            <ul class="hints" data-testid="hints">
              {found.map((text) => (
                <li key={text} class="note">
                  {text}
                </li>
              ))}
            </ul>
          </>
        )}
      </div>
    </section>
  )
}
