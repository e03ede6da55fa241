import { equal, execute, foundry, match } from './contract.mjs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../solidity', import.meta.url))
const solc = fileURLToPath(new URL('../../../contracts/solc-from-npm', import.meta.url))

export async function checkForge({ http, key, step }) {
  const forge = (...args) => execute(foundry('forge'), [...args, '--root', root, '--use', solc, '--offline'], { cwd: root })
  const online = ['--rpc-url', http, '--private-key', key, '--broadcast']

  const address = await step('create', async () => {
    const { stdout } = await forge('create', 'src/Probe.sol:Probe', '--json', ...online, '--gas-price', '0', '--priority-gas-price', '0')
    return JSON.parse(stdout).deployedTo
  })
  await step('code of what was created', async () => {
    const { stdout } = await execute(foundry('cast'), ['call', '--rpc-url', http, address, 'value()(uint256)'])
    equal(stdout.trim(), '0')
  })
  await step('script: two transactions', async () => {
    const free = ['--with-gas-price', '0', '--priority-gas-price', '0']
    const { stdout } = await forge('script', 'script/Deploy.s.sol:Deploy', ...online, ...free)
    match(stdout, /ONCHAIN EXECUTION COMPLETE & SUCCESSFUL/)
  })
  await step('script, types before London', async () => {
    const { stdout } = await forge('script', 'script/Deploy.s.sol:Deploy', ...online, '--legacy')
    match(stdout, /ONCHAIN EXECUTION COMPLETE & SUCCESSFUL/)
  })
}
