// node examples/softmax-regression.js: softmax regression, a network of one layer, on the iris set.
//
//     100 flowers to train on, 50 to test with, 500 steps of gradient descent
//     loss 1.0716 -> 0.0976
//     training accuracy 98.0 %
//     test accuracy     94.0 %
//
//     true \ predicted       setosa  versicolor   virginica
//     setosa                     18           1           0
//     versicolor                  0          14           2
//     virginica                   0           0          15
//
//     weight                 setosa  versicolor   virginica
//     sepal length            -1.46        0.77        0.58
//     sepal width              1.95       -0.69       -1.15
//     petal length            -2.32       -0.95        3.24
//     petal width             -2.25       -0.96        3.29

import { createModel, dense, normalize, sequential, sgd, softmaxCrossEntropy } from 'v128'
import { standardize } from 'v128/data'
import { FEATURES, SPECIES, splitIris } from './iris-data.js'

const { training, test } = splitIris(100, 1)

// Fitted on the training flowers alone. As the first layer it is saved with the model, which so takes raw lengths.
const { mean, std } = standardize(training.x, { shape: [4] })
const model = await createModel(sequential({ scale: normalize({ mean, std }), scores: dense(3) }), {
  input: [4],
  batch: 100,
  loss: softmaxCrossEntropy(),
  optimizer: sgd({ learningRate: 0.5 }),
  l2: 1e-3,
  seed: 1,
})
const history = await model.fit(training, { epochs: 500 })

const scores = model.predict(test.x).data
const confusion = SPECIES.map(() => SPECIES.map(() => 0))
for (const [row, label] of test.y.entries()) {
  const three = scores.subarray(3 * row, 3 * row + 3)
  confusion[label][three.indexOf(Math.max(...three))]++
}

console.log(`${training.y.length} flowers to train on, ${test.y.length} to test with, 500 steps of gradient descent`)
console.log(`loss ${history.loss[0].toFixed(4)} -> ${history.loss[499].toFixed(4)}`)
console.log(`training accuracy ${percent(model.evaluate(training).accuracy)}`)
console.log(`test accuracy     ${percent(model.evaluate(test).accuracy)}`)
table('true \\ predicted', SPECIES, SPECIES, (i, j) => String(confusion[i][j]))
const weight = model.parameters['scores.weight'].data
table('weight', FEATURES, SPECIES, (i, j) => weight[4 * j + i].toFixed(2))

/**
 * @param {string} corner
 * @param {readonly string[]} rows
 * @param {readonly string[]} columns
 * @param {(row: number, column: number) => string} cell
 */
function table(corner, rows, columns, cell) {
  console.log(`\n${corner.padEnd(17)}${columns.map((name) => name.padStart(12)).join('')}`)
  for (const [i, name] of rows.entries()) {
    console.log(`${name.padEnd(17)}${columns.map((_, j) => cell(i, j).padStart(12)).join('')}`)
  }
}

/** @param {number} share */
function percent(share) {
  return `${(share * 100).toFixed(1)} %`
}
