export { type Classifier, type ClassifierOptions, type ClassifyOptions, createClassifier } from './classifier.js'
export { type Prediction, topK } from './top-k.js'
