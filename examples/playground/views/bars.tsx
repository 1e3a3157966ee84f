// How sure the network is of each class.

import { percent } from './format'

interface BarsProps {
  classes: readonly string[]
  shares: readonly number[] | undefined
  right: number | undefined
}

export function Bars({ classes, shares, right }: BarsProps) {
  const best = shares ? shares.indexOf(Math.max(...shares)) : -1
  return (
    <>
      <p class="answer" role="status">
        <strong data-testid="answer">{best < 0 ? '–' : classes[best]}</strong>
        <span>
          {best < 0
            ? ''
            : right === undefined
              ? `${percent(shares![best], 0)} sure`
              : best === right
                ? 'right'
                : `wrong: it is ${classes[right]}`}
        </span>
      </p>
      <ul class="bars">
        {classes.map((name, i) => (
          <li key={name} class={i === best ? 'best' : ''}>
            <span>{name}</span>
            <span class="bar" aria-hidden="true">
              <span style={{ transform: `scaleX(${shares?.[i] ?? 0})` }} />
            </span>
            <span>{percent(shares?.[i], 0)}</span>
          </li>
        ))}
      </ul>
    </>
  )
}
