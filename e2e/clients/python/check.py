"""Drives a node with web3.py: deploy, both types of transaction, logs, reasons, traces, subscriptions.

    python check.py <http-url> <ws-url> <artifact>
"""

import asyncio
import json
import sys
import time

from eth_account import Account
from web3 import AsyncWeb3, Web3
from web3.exceptions import ContractCustomError, ContractLogicError, ContractPanicError
from web3.middleware import ExtraDataToPOAMiddleware, SignAndSendRawMiddlewareBuilder

CLIENT = "web3.py"
LIMIT_S = 60


def step(name, run):
    start = time.perf_counter()
    result = run()
    shown = result if isinstance(result, (str, int)) else ""
    milliseconds = (time.perf_counter() - start) * 1000
    print(f"{CLIENT:8} {name:38} {'ok':7} {milliseconds:6.0f} ms  {shown}", flush=True)
    return result


def equal(got, want):
    assert got == want, f"got {got!r}, expected {want!r}"


def refused(kind, run):
    try:
        run()
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}")


def check(http, ws, artifact):
    w3 = Web3(Web3.HTTPProvider(http))
    # Which every chain of authorities needs, as web3.py's documentation says: extraData has more than 32 bytes.
    w3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    account = Account.create()
    w3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(account), layer=0)
    w3.eth.default_account = account.address
    mined = lambda sent: w3.eth.wait_for_transaction_receipt(sent, timeout=LIMIT_S, poll_latency=0.25)

    step("chain id", lambda: w3.eth.chain_id)

    def deploy():
        receipt = mined(w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"]["object"]).constructor().transact())
        equal((receipt["status"], receipt["type"], receipt["effectiveGasPrice"]), (1, 2, 0))
        return receipt["contractAddress"]

    address = step("deploy, its own choice of type", deploy)
    contract = w3.eth.contract(address, abi=artifact["abi"])

    def legacy():
        receipt = mined(contract.functions.set(7).transact({"gasPrice": 0}))
        equal((receipt["status"], receipt["type"]), (1, 0))

    step("type 0 transaction", legacy)

    def dynamic():
        receipt = mined(contract.functions.set(8).transact())
        equal((receipt["status"], receipt["type"], len(receipt["logs"])), (1, 2, 1))
        return receipt

    receipt = step("type 2 transaction", dynamic)
    step("transaction by hash", lambda: equal(w3.eth.get_transaction(receipt["transactionHash"])["from"], account.address))
    step("call", lambda: equal(contract.functions.value().call(), 8))
    step("logs", lambda: equal([log["args"]["value"] for log in contract.events.Changed.get_logs(from_block=0)], [7, 8]))
    step(
        "revert reason",
        lambda: equal(refused(ContractLogicError, contract.functions.fail().call).message, "execution reverted: nope"),
    )

    def custom():
        error = refused(ContractCustomError, contract.functions.refuse(11).call)
        raw = Web3.to_bytes(hexstr=error.data)
        equal(raw[:4], Web3.keccak(text="TooLarge(uint256,uint256)")[:4])
        equal(w3.codec.decode(["uint256", "uint256"], raw[4:]), (11, 10))

    step("custom error", custom)
    step("panic", lambda: str(refused(ContractPanicError, contract.functions.divide(0).call)))

    def fees():
        equal(w3.eth.max_priority_fee, 0)
        equal(w3.eth.fee_history(2, "latest", [50.0])["baseFeePerGas"][-1], 0)
        equal(w3.eth.get_block("finalized")["baseFeePerGas"], 0)

    step("fees, fee history, block", fees)

    def trace():
        answer = w3.provider.make_request(
            "debug_traceTransaction", [Web3.to_hex(receipt["transactionHash"]), {"tracer": "callTracer"}]
        )
        assert "error" not in answer, answer
        equal((answer["result"]["type"], int(answer["result"]["gasUsed"], 16)), ("CALL", receipt["gasUsed"]))

    step("trace", trace)
    send = lambda value: contract.functions.set(value).transact()
    step("two new heads and a log by subscription", lambda: asyncio.run(subscribe(ws, address, send)))


async def subscribe(ws, address, send):
    async with asyncio.timeout(LIMIT_S):
        async with AsyncWeb3(AsyncWeb3.WebSocketProvider(ws)) as w3:
            w3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
            heads = await w3.eth.subscribe("newHeads")
            logs = await w3.eth.subscribe("logs", {"address": address})
            sent, numbers, log = False, [], None
            async for message in w3.socket.process_subscriptions():
                if message["subscription"] == heads:
                    numbers.append(message["result"]["number"])
                elif message["subscription"] == logs:
                    log = message["result"]
                if not sent:
                    sent = True
                    await asyncio.to_thread(send, 9)
                if len(numbers) >= 2 and log is not None:
                    break
            equal(numbers[1], numbers[0] + 1)
            equal(int(log["data"].hex(), 16), 9)
            return numbers[1]


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    with open(sys.argv[3], encoding="utf-8") as file:
        check(sys.argv[1], sys.argv[2], json.load(file))
