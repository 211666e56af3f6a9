import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Manifest {
  readonly name: string
  readonly version: string
}

/** A registry on this machine that has the packages of these archives and no other. Gives its address, and how to stop it. */
export async function serveRegistry(archives: readonly string[]) {
  const packages = new Map(
    archives.map((file) => {
      const manifest: Manifest = JSON.parse(execFileSync('tar', ['-xOf', file, 'package/package.json'], { encoding: 'utf8' }))
      return [manifest.name, { file, manifest }]
    }),
  )
  const server = createServer((request, response) => {
    const url = `http://${request.headers.host}`
    const path = decodeURIComponent(request.url ?? '').slice(1)
    const [name, archive] = path.split('/-/')
    const found = packages.get(name!)
    if (!found) response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}')
    else if (archive !== undefined) response.end(readFileSync(found.file))
    else {
      const { version } = found.manifest
      const dist = { tarball: `${url}/${name}/-/${version}.tgz` }
      const versions = { [version]: { ...found.manifest, dist } }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
