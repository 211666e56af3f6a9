// The program of a thread: makes the parts whose numbers it is sent, and sends them back.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { makePart } from './part.js'
import type { DatasetOptions } from './plan.js'

const port = parentPort as MessagePort
const { folder, options } = workerData as { folder: string; options: DatasetOptions }
port.on('message', (number: number) => {
  makePart(folder, options, number)
  port.postMessage(number)
})
