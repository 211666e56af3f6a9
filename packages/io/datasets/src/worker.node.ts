// The program of a thread; the loader starts it.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { Start } from './job.js'
import { serve } from './serve.node.js'

serve(parentPort as MessagePort, workerData as Start)
