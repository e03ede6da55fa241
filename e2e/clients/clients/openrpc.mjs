import jsonSchema from '@json-schema-tools/meta-schema'
import openrpc from '@open-rpc/meta-schema'
import Ajv from 'ajv'
import { equal } from './contract.mjs'

/** `rpc.discover` is valid by OpenRPC's own meta schema, and names nothing that the node does not answer. */
export async function checkOpenRpc({ http, step }) {
  const ask = async (method) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] })
    return (await fetch(http, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json()
  }
  const { result: document } = await step('rpc.discover', () => ask('rpc.discover'))
  await step('valid by the meta schema of OpenRPC', () => {
    const valid = validator()
    equal([valid(document), valid.errors], [true, null])
    // That it can refuse at all.
    equal(valid({ ...document, methods: [{ name: 'without the rest' }] }), false)
    return document.openrpc
  })
  await step('every method that it names is answered', async () => {
    const names = document.methods.map(({ name }) => name)
    for (const name of names) {
      const { error } = await ask(name)
      const isMissing = error?.code === -32601 && !error.message.startsWith('notifications not supported')
      equal([name, isMissing], [name, false])
    }
    equal((await ask('eth_noSuchMethod')).error.code, -32601)
    return names.length
  })
  await step('and every namespace is in it', async () => {
    const { result: modules } = await ask('rpc_modules')
    const named = new Set(document.methods.map(({ name }) => name.split(/[_.]/)[0]))
    equal([...named].sort(), Object.keys(modules).sort())
  })
}

function validator() {
  const ajv = new Ajv({ strict: false, validateFormats: false })
  // Both name JSON Schema's own as their schema, the latter itself; it is referred to with and without a slash.
  const rules = ({ $schema, ...rules }) => rules
  const { $id, ...schema } = rules(jsonSchema.default)
  for (const name of [$id, $id.replace(/\/$/, '')]) ajv.addSchema(schema, name)
  return ajv.compile(rules(openrpc.default))
}
