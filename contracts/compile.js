// Compiles src/ by solc-js (standard JSON, settings below) and writes, or with --check compares, artifacts/.
"use strict";
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const root = __dirname;
const check = process.argv.includes("--check");

/** Every .sol file under src/ and bench/, keyed as the imports name it. */
function sources() {
  const inside = (dir) => fs.readdirSync(path.join(root, dir)).filter((n) => n.endsWith(".sol")).sort().map((n) => `${dir}/${n}`);
  const names = [...inside("src"), ...inside("bench")];
  return Object.fromEntries(names.map((n) => [n, { content: fs.readFileSync(path.join(root, n), "utf8") }]));
}

// The same settings stand in foundry.toml, so that the tests run the code that ships.
const settings = {
  evmVersion: "osaka",
  viaIR: true,
  optimizer: { enabled: true, runs: 200 },
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: {
    "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences", "storageLayout"] },
  },
};

function compile() {
  const input = { language: "Solidity", sources: sources(), settings };
  const out = JSON.parse(solc.compile(JSON.stringify(input)));
  const bad = (out.errors || []).filter((e) => e.severity !== "info");
  bad.forEach((e) => console.error(e.formattedMessage));
  if (bad.length) throw new Error(`${bad.length} compiler messages above; the contracts must compile without any`);
  return out.contracts;
}

/** Slots without compiler-internal ids, so that an unrelated edit does not change the file. */
function layout(raw) {
  const short = (t) => t.replace(/\)\d+_/g, ")_").replace(/\)\d+/g, ")");
  const storage = raw.storage.map((s) => ({ label: s.label, slot: s.slot, offset: s.offset, type: short(s.type) }));
  const types = {};
  for (const [name, t] of Object.entries(raw.types || {}).sort()) {
    const members = t.members && t.members.map((m) => ({ label: m.label, slot: m.slot, offset: m.offset, type: short(m.type) }));
    types[short(name)] = { encoding: t.encoding, numberOfBytes: t.numberOfBytes, ...(members && { members }) };
  }
  return { storage, types };
}

function artifact(contract, name) {
  const refs = contract.evm.deployedBytecode.immutableReferences;
  if (refs && Object.keys(refs).length) throw new Error(`${name} has immutables, which a genesis cannot set`);
  const runtime = contract.evm.deployedBytecode.object;
  const size = runtime.length / 2;
  if (size > 24576) throw new Error(`${name} is ${size} bytes, more than the 24576 of EIP-170`);
  console.log(`${name}: runtime ${size} bytes of 24576`);
  return { runtime, creation: contract.evm.bytecode.object, abi: contract.abi, storageLayout: layout(contract.storageLayout) };
}

// Nick's deployer, the same 69 bytes on every chain; the address comes from its keyless transaction.
const CREATE2_DEPLOYER =
  "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3";

function files(contracts) {
  const governance = artifact(contracts["src/Governance.sol"].Governance, "Governance");
  const multicall = artifact(contracts["src/Multicall3.sol"].Multicall3, "Multicall3");
  const predeploys = {
    multicall3: { address: "0xcA11bde05977b3631167028862bE2a173976CA11", code: `0x${multicall.runtime}` },
    create2Deployer: { address: "0x4e59b44847b379578588920cA78FbF26c0B4956C", code: `0x${CREATE2_DEPLOYER}` },
  };
  const json = {
    compiler: solc.version(),
    abi: governance.abi,
    runtimeBytecode: `0x${governance.runtime}`,
    storageLayout: governance.storageLayout,
  };
  return {
    "Governance.json": JSON.stringify(json, null, 1) + "\n",
    "Governance.runtime.hex": governance.runtime,
    "Governance.creation.hex": governance.creation,
    "Multicall3.runtime.hex": multicall.runtime,
    "Create2Deployer.runtime.hex": CREATE2_DEPLOYER,
    "BenchToken.creation.hex": contracts["bench/Token.sol"].Token.evm.bytecode.object,
    "BenchFiller.creation.hex": contracts["bench/Filler.sol"].Filler.evm.bytecode.object,
    "predeploys.json": JSON.stringify(predeploys, null, 1) + "\n",
  };
}

const made = files(compile());
const dir = path.join(root, "artifacts");
fs.mkdirSync(dir, { recursive: true });
let stale = 0;
for (const [name, text] of Object.entries(made)) {
  const file = path.join(dir, name);
  const same = fs.existsSync(file) && fs.readFileSync(file, "utf8") === text;
  if (same) continue;
  if (check) {
    stale += 1;
    console.error(`artifacts/${name} is not what src/ compiles to`);
  } else {
    fs.writeFileSync(file, text);
    console.log(`wrote artifacts/${name}`);
  }
}
if (stale) {
  console.error("run contracts/build and commit contracts/artifacts; note that a changed contract is a changed genesis");
  process.exit(1);
}
