import { ContractFactory, JsonRpcProvider, Wallet, WebSocketProvider } from 'ethers'
import { ABI, BYTECODE, equal, refused } from './contract.mjs'

export async function checkEthers({ http, ws, key, step }) {
  const provider = new JsonRpcProvider(http, undefined, { polling: true, pollingInterval: 250 })
  const wallet = new Wallet(key, provider)

  await step('chain id', async () => (await provider.getNetwork()).chainId)
  const contract = await step('deploy, its own choice of type', async () => {
    const deployed = await new ContractFactory(ABI, BYTECODE, wallet).deploy()
    return deployed.waitForDeployment()
  })
  await step('type 0 transaction', async () => {
    const receipt = await (await contract.set(7, { type: 0, gasPrice: 0 })).wait()
    equal([receipt.type, receipt.status, receipt.gasPrice], [0, 1, 0n])
    return receipt.hash
  })
  const receipt = await step('type 2 transaction', async () => {
    const receipt = await (await contract.set(8, { type: 2, maxFeePerGas: 0, maxPriorityFeePerGas: 0 })).wait()
    equal([receipt.type, receipt.status, receipt.logs.length], [2, 1, 1])
    return receipt
  })
  await step('transaction by hash', async () => {
    const transaction = await provider.getTransaction(receipt.hash)
    equal([transaction.from, transaction.blockHash], [wallet.address, receipt.blockHash])
  })
  await step('call', async () => equal(await contract.value(), 8n))
  await step('logs', async () => {
    const logs = await contract.queryFilter('Changed', 0)
    equal(logs.map((log) => log.args.value), [7n, 8n])
  })
  await step('revert reason', async () => equal((await refused(() => contract.fail.staticCall())).reason, 'nope'))
  await step('custom error', async () => {
    const { revert } = await refused(() => contract.refuse.staticCall(11))
    equal([revert.name, ...revert.args], ['TooLarge', 11n, 10n])
  })
  await step('panic', async () => equal((await refused(() => contract.divide.staticCall(0))).revert.args, [0x12]))
  await step('refusal to estimate', async () => equal((await refused(() => contract.fail.estimateGas())).reason, 'nope'))
  await step('trace', async () => {
    const trace = await provider.send('debug_traceTransaction', [receipt.hash, { tracer: 'callTracer' }])
    equal([trace.type, BigInt(trace.gasUsed)], ['CALL', receipt.gasUsed])
  })
  await step('estimate, fees, block', async () => {
    await contract.set.estimateGas(9)
    const fees = await provider.getFeeData()
    equal(fees.gasPrice, 0n)
    const block = await provider.getBlock(receipt.blockNumber, true)
    equal(block.prefetchedTransactions.some((transaction) => transaction.hash === receipt.hash), true)
  })
  await step('two new heads and a log by subscription', async () => {
    const socket = new WebSocketProvider(ws)
    const [first, second] = await new Promise((resolve) => {
      const seen = []
      socket.on('block', (number) => seen.push(number) === 2 && resolve(seen))
    })
    equal(second, first + 1)
    const log = new Promise((resolve) => contract.connect(socket).on('Changed', (by, value) => resolve(value)))
    await (await contract.set(9)).wait()
    equal(await log, 9n)
    await socket.destroy()
    return second
  })
  provider.destroy()
}
