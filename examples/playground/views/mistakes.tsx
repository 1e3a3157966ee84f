// What it takes for what, and where it is most wrong.

import { useEffect, useState } from 'preact/hooks'
import { row, sizeOf } from '../data/dataset'
import { css, palette } from '../draw/theme'
import { type Answer, type Exam, exam, keepExamining } from '../model/mistakes'
import { picture } from '../model/look'
import { current, tab } from '../model/store'
import { percent, whole } from './format'
import { Tiles } from './tiles'

const MOST = 24

export function Mistakes() {
  useEffect(keepExamining, [])
  const [cell, setCell] = useState<{ label: number; answer: number } | undefined>(undefined)
  const run = current.value!
  const found = exam.value?.run === run ? exam.value : undefined
  if (!found) return <p class="soft">Asking it about every example …</p>
  const { answers } = found
  const wrong = answers.filter(({ label, answer }) => label !== answer)
  const worst = wrong.toSorted((a, b) => b.sure - b.right - (a.sure - a.right)).slice(0, MOST)
  const inCell = cell && answers.filter(({ label, answer }) => label === cell.label && answer === cell.answer)
  const { classes } = run.data
  return (
    <div class="stack">
      <section class="card" aria-label="Confusion matrix">
        <h2>What it takes for what</h2>
        <p class="soft">
          {`${whole(wrong.length)} of ${whole(answers.length)} unseen examples are wrong (${percent(wrong.length / answers.length)}). Each cell opens its examples.`}
        </p>
        <div class="pair matrix-pair">
          <Matrix found={found} cell={cell} onPick={setCell} />
          <div class="stack" aria-live="polite">
            {cell && inCell && (
              <>
                <h3>
                  {cell.label === cell.answer
                    ? `${classes[cell.label]}, and seen as that: ${inCell.length}`
                    : `${classes[cell.label]}, but seen as ${classes[cell.answer]}: ${inCell.length}`}
                </h3>
                <Gallery answers={inCell.slice(0, MOST)} found={found} />
              </>
            )}
          </div>
        </div>
      </section>
      <section class="card" aria-label="The worst mistakes">
        <h2>The worst mistakes</h2>
        <p class="soft">Those of which it is most sure. One that is clicked goes through the layers in Watch.</p>
        {worst.length ? <Gallery answers={worst} found={found} /> : <p>There are none.</p>}
      </section>
    </div>
  )
}

interface MatrixProps {
  found: Exam
  cell: { label: number; answer: number } | undefined
  onPick(cell: { label: number; answer: number }): void
}

function Matrix({ found, cell, onPick }: MatrixProps) {
  const { confusion, run } = found
  const { classes } = run.data
  const { series } = palette.value
  return (
    <table class="matrix">
      <caption class="hidden">Rows: what it is. Columns: what the network answers.</caption>
      <thead>
        <tr>
          <th scope="col" class="corner">
            is <span aria-hidden="true">↓</span> seen as <span aria-hidden="true">→</span>
          </th>
          {classes.map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {confusion.map((counts, label) => {
          const all = counts.reduce((a, b) => a + b, 0) || 1
          return (
            <tr key={label}>
              <th scope="row">{classes[label]}</th>
              {counts.map((count, answer) => {
                const isRight = label === answer
                const share = count / all
                const strength = isRight ? 0.12 + 0.2 * share : Math.min(0.45, count ? 0.12 + 2 * share : 0)
                const isPicked = cell?.label === label && cell.answer === answer
                return (
                  <td key={answer}>
                    <button
                      disabled={!count}
                      aria-pressed={isPicked}
                      aria-label={`${classes[label]} seen as ${classes[answer]}: ${count}`}
                      style={{ background: count ? css(series[isRight ? 0 : 1], strength) : 'none' }}
                      onClick={() => onPick({ label, answer })}
                    >
                      {count || ''}
                    </button>
                  </td>
                )
              })}
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

function Gallery({ answers, found }: { answers: readonly Answer[]; found: Exam }) {
  const { data } = found.run
  const [channels, height, width] = data.input
  const size = sizeOf(data.input)
  const open = (index: number, label: number) => {
    picture.value = { raw: row(data.test, index, size), label, index }
    tab.value = 'watch'
  }
  return (
    <ul class="gallery">
      {answers.map(({ index, label, answer, sure }) => (
        <li key={index}>
          <button class="quiet" onClick={() => open(index, label)}>
            {data.input.length === 3 ? (
              <Tiles
                data={row(data.test, index, size)}
                count={channels}
                height={height}
                width={width}
                size={56}
                most={255}
                ink
                label={`Example ${index}, a ${data.classes[label]}`}
              />
            ) : (
              <span>{`#${index}`}</span>
            )}
            <span class={label === answer ? '' : 'warn'}>{data.classes[answer]}</span>
            <span class="soft">{percent(sure, 0)}</span>
          </button>
        </li>
      ))}
    </ul>
  )
}
