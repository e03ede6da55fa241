// Drives a node with ethers, viem, Foundry's cast and forge: deploy, type-0 and type-2 transactions, receipts, logs,
// revert reasons, custom errors, traces, subscriptions. Works on a chain where gas is free, with an account that owns nothing.
//
//   node check.mjs <http-url> <ws-url> <private key, or 0 for a new one per client>
//
// Prints a table and ends with the first failure.
import { checkCast } from './clients/cast.mjs'
import { checkEthers } from './clients/ethers.mjs'
import { checkForge } from './clients/forge.mjs'
import { checkOpenRpc } from './clients/openrpc.mjs'
import { checkViem } from './clients/viem.mjs'
import { randomBytes } from 'node:crypto'

const [http, ws, key] = process.argv.slice(2)
if (!http || !ws || !key) {
  console.error('usage: node check.mjs <http-url> <ws-url> <private key, or 0 for a new one per client>')
  process.exit(2)
}

const LIMIT_MS = 60_000

function stepper(client) {
  return async (name, run) => {
    const start = performance.now()
    let timer
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS / 1000} s`)), LIMIT_MS)
    })
    try {
      const result = await Promise.race([run(), late])
      row(client, name, 'ok', performance.now() - start, describe(result))
      return result
    } catch (error) {
      row(client, name, 'FAILED', performance.now() - start, '')
      console.error(`\n${client}, ${name}: ${error.stack ?? error}\n${error.stdout ?? ''}`)
      process.exit(1)
    } finally {
      clearTimeout(timer)
    }
  }
}

function row(client, step, outcome, ms, detail) {
  console.log(`${client.padEnd(8)} ${step.padEnd(38)} ${outcome.padEnd(7)} ${ms.toFixed(0).padStart(6)} ms  ${detail}`)
}

// Asked again until the node answers with a block: it may just have been started.
async function firstBlock() {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] })
  for (;;) {
    try {
      const reply = await fetch(http, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      const { result } = await reply.json()
      if (Number(result) > 0) return result
    } catch (error) {
      if (error.cause?.code !== 'ECONNREFUSED') throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

const describe = (result) => (['string', 'number', 'bigint'].includes(typeof result) ? String(result) : '')
const account = () => (key === '0' ? `0x${randomBytes(32).toString('hex')}` : key)

await stepper('node')('first block', firstBlock)
await checkOpenRpc({ http, step: stepper('openrpc') })
await checkEthers({ http, ws, key: account(), step: stepper('ethers') })
await checkViem({ http, ws, key: account(), step: stepper('viem') })
await checkCast({ http, ws, key: account(), step: stepper('cast') })
await checkForge({ http, ws, key: account(), step: stepper('forge') })
process.exit(0)
