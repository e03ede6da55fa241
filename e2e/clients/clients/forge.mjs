import { equal, execute, foundry, match } from './contract.mjs'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../solidity', import.meta.url))
const artifacts = fileURLToPath(new URL('../node_modules/.forge/broadcast/Deploy.s.sol', import.meta.url))
const solc = fileURLToPath(new URL('../../../contracts/solc-from-npm', import.meta.url))

export async function checkForge({ http, ws, key, step }) {
  const forge = (...args) => forgeIn({}, ...args)
  const forgeIn = (variables, ...args) =>
    execute(foundry('forge'), [...args, '--root', root, '--use', solc, '--offline'], { cwd: root, env: { ...process.env, ...variables } })
  const signed = ['--private-key', key, '--broadcast']
  const online = ['--rpc-url', http, ...signed]
  const create = async (...where) => {
    const free = ['--gas-price', '0', '--priority-gas-price', '0']
    const { stdout } = await forge('create', 'src/Probe.sol:Probe', '--json', ...signed, ...free, ...where)
    return JSON.parse(stdout).deployedTo
  }

  const address = await step('create', () => create('--rpc-url', http))
  await step('code of what was created', async () => {
    const { stdout } = await execute(foundry('cast'), ['call', '--rpc-url', http, address, 'value()(uint256)'])
    equal(stdout.trim(), '0')
  })
  const sent = await step('script: two transactions', async () => {
    const free = ['--with-gas-price', '0', '--priority-gas-price', '0']
    const { stdout } = await forge('script', 'script/Deploy.s.sol:Deploy', ...online, ...free)
    match(stdout, /ONCHAIN EXECUTION COMPLETE & SUCCESSFUL/)
    return broadcast()
  })
  await step('script, types before London', async () => {
    const { stdout } = await forge('script', 'script/Deploy.s.sol:Deploy', ...online, '--legacy')
    match(stdout, /ONCHAIN EXECUTION COMPLETE & SUCCESSFUL/)
  })
  // With a verdict for each test and the calls as forge decodes them.
  const { stdout: fork } = await step('tests on a fork: read, write', async () => {
    const variables = { PROBE: sent.contract, SET: sent.set }
    const { stdout } = await forgeIn(variables, 'test', '--fork-url', http, '--match-path', 'test/Fork.t.sol', '-vvvv', '--color', 'never')
    match(stdout, /\[PASS\] test_state_of_the_node/)
    return { stdout }
  })
  await step('revert reason', async () => match(fork, /\[PASS\] test_revert_reason[^]*\[Revert\] nope/))
  await step('custom error', async () => match(fork, /\[PASS\] test_custom_error[^]*\[Revert\] TooLarge\(11, 10\)/))
  await step('trace', async () => match(fork, /\[PASS\] test_nodes_own_trace[^]*debug_traceTransaction/))
  // Over a WebSocket forge learns of the receipt by subscribing to new heads.
  await step('create by subscription', () => create('--rpc-url', ws))
}

/** What the last script sent: the address of the contract, and the hash of the call of set(). */
function broadcast() {
  const [chain] = readdirSync(artifacts)
  const { receipts } = JSON.parse(readFileSync(join(artifacts, chain, 'run-latest.json')))
  // Not by `transactions`: forge mixes up their hashes when the node answers the second one first.
  const creates = ({ contractAddress }) => contractAddress !== null
  const [created, called] = [receipts.find(creates), receipts.find((receipt) => !creates(receipt))]
  return { contract: created.contractAddress, set: called.transactionHash }
}
