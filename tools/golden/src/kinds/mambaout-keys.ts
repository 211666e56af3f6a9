import { MambaOut, officialToTimm, timmToOfficial, toOfficial } from '@scanline/mambaout'
import type { Kind } from '../kind.js'
import { isMambaOut } from '../mambaout/match.js'
import { readConfig } from '../mambaout/model.js'

/** A table of official names beside timm's, in the order of the official state dict. The errors count lines that differ. */
export const mambaoutKeys: Kind = {
  name: 'MambaOut keys',
  matches: (file) => isMambaOut(file) && file.has('keys') && file.has('columns'),
  run: (file, context) => {
    const columns = file.at('columns').strings()
    for (const name of ['official', 'timm']) if (!columns.includes(name)) file.at('columns').fail(`needs the column "${name}"`)
    const rows = file
      .at('keys')
      .list()
      .map((row) => {
        const cells = row.tuple(columns.length).map((cell) => cell.string())
        return { official: cells[columns.indexOf('official')], timm: cells[columns.indexOf('timm')] }
      })
    const differ = (name: string, wrong: readonly string[]): void =>
      context.check({ name, error: wrong.length, bound: 0, ...(wrong.length > 0 && { note: wrong[0] }) })
    differ(
      'official to timm',
      rows.filter(({ official, timm }) => officialToTimm(official) !== timm).map((row) => row.official),
    )
    differ(
      'timm to official',
      rows.filter(({ official, timm }) => timmToOfficial(timm) !== official).map((row) => row.timm),
    )

    using model = new MambaOut(readConfig(file), { device: context.device.backend })
    const ours = toOfficial(model.stateDict()).map(([name]) => name)
    const theirs = rows.map(({ official }) => official)
    const most = Math.max(ours.length, theirs.length)
    const wrong = Array.from({ length: most }, (_, i) => i).filter((i) => ours[i] !== theirs[i])
    differ(
      'order',
      wrong.map((i) => `${ours[i] ?? 'nothing'} instead of ${theirs[i] ?? 'nothing'}`),
    )
  },
}
