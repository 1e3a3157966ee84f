// node examples/pca.js [file.svg]: principal components of the iris set, and the set whitened, as a picture.
//
//     component  share of variance  sepal length   sepal width  petal length   petal width
//     1                    92.46 %         0.361        -0.085         0.857         0.358
//     2                     5.31 %         0.657         0.730        -0.173        -0.075
//     3                     1.71 %        -0.582         0.598         0.076         0.546
//     4                     0.52 %         0.315        -0.320        -0.480         0.754
//
//     kept for 95 % of the variance: 2 of 4
//     2 components and back: off by 0.122 cm on average
//     4 components and back: off by 2e-16 cm
//     whitening saved in 672 bytes; loaded, it gives the same bits
//     runs/pca.svg

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { loadTransform, zeroCenter } from 'v128/data'
import { pca, pcaWhitening, zca } from 'v128/preprocessing'
import { drawScatter } from './chart.js'
import { FEATURES, SPECIES, loadIris } from './iris-data.js'

const { x, y } = loadIris()
const options = { shape: [4] }
const centering = zeroCenter(x, options)
const components = pca(x, options)
const whitening = pcaWhitening(x, options)
const zcaWhitening = zca(x, options)

console.log(`component  share of variance  ${FEATURES.map((name) => name.padStart(12)).join('  ')}`)
for (const [k, variance] of components.variances.entries()) {
  const weights = components.components.data.subarray(4 * k, 4 * k + 4)
  const share = `${((variance / components.totalVariance) * 100).toFixed(2)} %`
  const line = Array.from(weights, (weight) => weight.toFixed(3).padStart(12)).join('  ')
  console.log(`${String(k + 1).padEnd(9)}${share.padStart(19)}  ${line}`)
}

const two = pca(x, { ...options, components: 2 })
console.log(`\nkept for 95 % of the variance: ${pca(x, { ...options, variance: 0.95 }).size} of 4`)
console.log(`2 components and back: off by ${difference(two.invert(two.apply(x)), x).toFixed(3)} cm on average`)
console.log(
  `4 components and back: off by ${difference(components.invert(components.apply(x)), x).toExponential(0)} cm`,
)
const saved = whitening.save()
const same = difference(loadTransform(saved).apply(x), whitening.apply(x)) === 0
console.log(`whitening saved in ${saved.length} bytes; loaded, it gives ${same ? 'the same bits' : 'other values'}`)

const file = process.argv[2] ?? 'runs/pca.svg'
mkdirSync(dirname(file), { recursive: true })
writeFileSync(
  file,
  drawScatter({
    title: 'Iris: principal components and whitening',
    subtitle: '150 flowers of four lengths; both axes of a plot have the same scale',
    groups: SPECIES,
    plots: [
      { title: 'zeroCenter', x: 'petal length, cm', y: 'sepal width, cm', points: points(centering.apply(x), 2, 1) },
      { title: 'pca', x: 'first component, cm', y: 'second component, cm', points: points(components.apply(x), 0, 1) },
      {
        title: 'pcaWhitening',
        x: 'first component, deviations',
        y: 'second component, deviations',
        points: points(whitening.apply(x), 0, 1),
      },
      {
        title: 'zca',
        x: 'petal length, whitened',
        y: 'sepal width, whitened',
        points: points(zcaWhitening.apply(x), 2, 1),
      },
    ],
  }),
)
console.log(file)

/**
 * @param {Float64Array} rows of four values
 * @param {number} across the column that is drawn from left to right
 * @param {number} up
 */
function points(rows, across, up) {
  return Array.from(y, (group, i) => ({ x: rows[4 * i + across], y: rows[4 * i + up], group }))
}

/**
 * The mean absolute difference.
 *
 * @param {Float64Array} a
 * @param {Float64Array} b
 */
function difference(a, b) {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length
}
