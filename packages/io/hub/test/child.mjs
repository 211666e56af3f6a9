// Downloads one file in a process of its own: child.mjs <module> <cache> <url> [sha256]. Says how far it is, line by line.
const [module, cacheDir, url, sha256] = process.argv.slice(2)
const { createHub } = await import(module)
const hub = createHub({ cacheDir, token: false, retry: { attempts: 3, delayMs: 10 } })
try {
  const onProgress = ({ received }) => console.log(`received ${received}`)
  const { path, fromCache } = await hub.file(url, { onProgress, ...(sha256 && { sha256 }) })
  console.log(`done ${fromCache} ${path}`)
} catch (error) {
  console.log(`failed ${error.name} ${error.message}`)
  process.exitCode = 1
}
