export { costChart, sequenceChart } from './chart/charts.js'
export { type Chart, chartSvg, writeChart } from './chart/render.js'
export { type Cost, type CountOptions, countModel, defaultSize, modelNames, type Part } from './count.js'
export { CostError } from './errors.js'
export { type Family, type Form, families, forms, type Size } from './families.js'
export { main, type Output } from './main.js'
export { type PublishedRule, publishedMacs } from './published-rules.js'
export { type Call, type ForwardRecord, recordForward, type Visit } from './record.js'
export {
  type ModelSequences,
  type SequenceStudy,
  type StageSequence,
  sequenceStudy,
  stageSequences,
  type Task,
  tasks,
} from './sequence.js'
export { ShapeBackend } from './shape-backend.js'
export { formatRows, type Rows } from './table.js'
export { type BlockFlops, isLongSequence, longSequenceThreshold, transformerBlockFlops } from './transformer.js'
export { type CountedCall, countCalls, type Kind, kinds, type Work } from './work.js'
