// `npm run demo [-- photo.jpg …]`: the demo of apps/classify, into out/demo/. Runs the built packages.
import { fileURLToPath } from 'node:url'
import { demo } from '../apps/classify/dist/demo/main.js'

process.exitCode = await demo(fileURLToPath(new URL('../out/demo', import.meta.url)), process.argv.slice(2))
