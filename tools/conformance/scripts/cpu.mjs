// The suite on the native device without a test runner, for machines that have little more than Node, or are emulated:
// `node tools/conformance/scripts/cpu.mjs [threads] [share]`. Runs the built packages.
import { formatReport, runConformance } from '@scanline/conformance'
import { createCpuBackend } from '@scanline/cpu'

const [threads = 2, share = 1] = process.argv.slice(2).map(Number)
const report = await runConformance(() => createCpuBackend({ threads }), { share })
console.log(formatReport(report))
process.exitCode = report.failed > 0 ? 1 : 0
