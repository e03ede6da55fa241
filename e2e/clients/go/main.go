// Drives a node with go-ethereum's client packages: deploy, both types of transaction, logs, reasons, traces, subscriptions.
//
//	clients <http-url> <ws-url> <artifact>
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"reflect"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/accounts/abi/bind"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/ethclient/gethclient"
	"github.com/ethereum/go-ethereum/rpc"
)

const limit = 60 * time.Second

type artifact struct {
	ABI      json.RawMessage `json:"abi"`
	Bytecode struct {
		Object hexutil.Bytes `json:"object"`
	} `json:"bytecode"`
}

type check struct {
	context  context.Context
	http, ws *ethclient.Client
	abi      abi.ABI
	options  *bind.TransactOpts
	contract *bind.BoundContract
	address  common.Address
	mined    *types.Receipt
}

func step(name string, run func() (any, error)) {
	start := time.Now()
	shown, err := run()
	outcome := "ok"
	if err != nil {
		outcome = "FAILED"
	}
	if shown == nil {
		shown = ""
	}
	fmt.Printf("%-8s %-38s %-7s %6d ms  %v\n", "geth", name, outcome, time.Since(start).Milliseconds(), shown)
	if err != nil {
		fmt.Fprintf(os.Stderr, "\ngo-ethereum, %s: %v\n", name, err)
		os.Exit(1)
	}
}

func equal(got, want any) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("got %v, expected %v", got, want)
	}
	return nil
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: clients <http-url> <ws-url> <artifact>")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*limit)
	defer cancel()
	c := &check{context: ctx}
	var built artifact
	step("chain id", func() (any, error) { return c.connect(os.Args[1], os.Args[2], os.Args[3], &built) })
	step("deploy, its own choice of type", func() (any, error) { return c.deploy(built.Bytecode.Object) })
	step("type 0 transaction", c.legacy)
	step("type 2 transaction", c.dynamic)
	step("transaction by hash", c.byHash)
	step("call", c.call)
	step("logs", c.logs)
	step("revert reason", c.reason)
	step("custom error", c.custom)
	step("fees, fee history, block", c.fees)
	step("proof", c.proof)
	step("trace", c.trace)
	step("two new heads and a log by subscription", c.subscribe)
}

func (c *check) connect(http, ws, path string, built *artifact) (any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, built); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(built.ABI, &c.abi); err != nil {
		return nil, err
	}
	if c.http, err = ethclient.DialContext(c.context, http); err != nil {
		return nil, err
	}
	if c.ws, err = ethclient.DialContext(c.context, ws); err != nil {
		return nil, err
	}
	id, err := c.http.ChainID(c.context)
	if err != nil {
		return nil, err
	}
	key, err := crypto.GenerateKey()
	if err != nil {
		return nil, err
	}
	c.options, err = bind.NewKeyedTransactorWithChainID(key, id)
	return id, err
}

func (c *check) wait(tx *types.Transaction) (*types.Receipt, error) {
	ctx, cancel := context.WithTimeout(c.context, limit)
	defer cancel()
	receipt, err := bind.WaitMined(ctx, c.http, tx)
	if err == nil && receipt.Status != types.ReceiptStatusSuccessful {
		err = errors.New("transaction failed")
	}
	return receipt, err
}

func (c *check) deploy(code []byte) (any, error) {
	address, tx, contract, err := bind.DeployContract(c.options, c.abi, code, c.http)
	if err != nil {
		return nil, err
	}
	receipt, err := c.wait(tx)
	if err != nil {
		return nil, err
	}
	c.address, c.contract = address, contract
	return nil, equal([]any{receipt.Type, receipt.ContractAddress}, []any{uint8(types.DynamicFeeTxType), address})
}

func (c *check) legacy() (any, error) {
	options := *c.options
	options.GasPrice = new(big.Int)
	receipt, err := c.set(&options, 7)
	if err != nil {
		return nil, err
	}
	return nil, equal(receipt.Type, uint8(types.LegacyTxType))
}

func (c *check) set(options *bind.TransactOpts, value int64) (*types.Receipt, error) {
	tx, err := c.contract.Transact(options, "set", big.NewInt(value))
	if err != nil {
		return nil, err
	}
	return c.wait(tx)
}

func (c *check) dynamic() (any, error) {
	receipt, err := c.set(c.options, 8)
	if err != nil {
		return nil, err
	}
	c.mined = receipt
	return nil, equal([]any{receipt.Type, len(receipt.Logs), receipt.EffectiveGasPrice.Sign()}, []any{uint8(types.DynamicFeeTxType), 1, 0})
}

func (c *check) byHash() (any, error) {
	tx, pending, err := c.http.TransactionByHash(c.context, c.mined.TxHash)
	if err != nil {
		return nil, err
	}
	sender, err := c.http.TransactionSender(c.context, tx, c.mined.BlockHash, c.mined.TransactionIndex)
	if err != nil {
		return nil, err
	}
	return nil, equal([]any{sender, pending}, []any{c.options.From, false})
}

func (c *check) call() (any, error) {
	var out []any
	if err := c.contract.Call(&bind.CallOpts{Context: c.context}, &out, "value"); err != nil {
		return nil, err
	}
	return nil, equal(out, []any{big.NewInt(8)})
}

func (c *check) logs() (any, error) {
	query := ethereum.FilterQuery{FromBlock: new(big.Int), Addresses: []common.Address{c.address}, Topics: [][]common.Hash{{c.abi.Events["Changed"].ID}}}
	logs, err := c.http.FilterLogs(c.context, query)
	if err != nil {
		return nil, err
	}
	values := make([]int64, 0, len(logs))
	for _, log := range logs {
		values = append(values, new(big.Int).SetBytes(log.Data).Int64())
	}
	return nil, equal(values, []int64{7, 8})
}

// refused is the data of the error that a call must end with.
func (c *check) refused(method string, arguments ...any) (error, []byte, error) {
	var out []any
	err := c.contract.Call(&bind.CallOpts{Context: c.context}, &out, method, arguments...)
	var coded rpc.DataError
	if !errors.As(err, &coded) {
		return nil, nil, fmt.Errorf("expected an error with data, got %v", err)
	}
	text, _ := coded.ErrorData().(string)
	data, decodeErr := hexutil.Decode(text)
	return err, data, decodeErr
}

func (c *check) reason() (any, error) {
	refusal, data, err := c.refused("fail")
	if err != nil {
		return nil, err
	}
	reason, err := abi.UnpackRevert(data)
	if err != nil {
		return nil, err
	}
	return nil, equal([]string{refusal.Error(), reason}, []string{"execution reverted: nope", "nope"})
}

func (c *check) custom() (any, error) {
	_, data, err := c.refused("refuse", big.NewInt(11))
	if err != nil {
		return nil, err
	}
	wanted := c.abi.Errors["TooLarge"]
	values, err := wanted.Unpack(data)
	if err != nil {
		return nil, err
	}
	return nil, equal(values, []any{big.NewInt(11), big.NewInt(10)})
}

func (c *check) fees() (any, error) {
	tip, err := c.http.SuggestGasTipCap(c.context)
	if err != nil {
		return nil, err
	}
	history, err := c.http.FeeHistory(c.context, 2, nil, []float64{50})
	if err != nil {
		return nil, err
	}
	header, err := c.http.HeaderByNumber(c.context, big.NewInt(int64(rpc.FinalizedBlockNumber)))
	if err != nil {
		return nil, err
	}
	block, err := c.http.BlockByNumber(c.context, c.mined.BlockNumber)
	if err != nil {
		return nil, err
	}
	return nil, equal([]int{tip.Sign(), len(history.BaseFee), header.BaseFee.Sign(), block.Transactions().Len()}, []int{0, 3, 0, 1})
}

func (c *check) proof() (any, error) {
	account, err := gethclient.New(c.http.Client()).GetProof(c.context, c.address, []string{"0x0"}, nil)
	if err != nil {
		return nil, err
	}
	return nil, equal(account.StorageProof[0].Value, big.NewInt(8))
}

func (c *check) trace() (any, error) {
	var trace struct {
		Type    string         `json:"type"`
		GasUsed hexutil.Uint64 `json:"gasUsed"`
	}
	options := map[string]string{"tracer": "callTracer"}
	if err := c.http.Client().CallContext(c.context, &trace, "debug_traceTransaction", c.mined.TxHash, options); err != nil {
		return nil, err
	}
	return nil, equal([]any{trace.Type, uint64(trace.GasUsed)}, []any{"CALL", c.mined.GasUsed})
}

func (c *check) subscribe() (any, error) {
	heads, logs := make(chan *types.Header), make(chan types.Log)
	headed, err := c.ws.SubscribeNewHead(c.context, heads)
	if err != nil {
		return nil, err
	}
	defer headed.Unsubscribe()
	logged, err := c.ws.SubscribeFilterLogs(c.context, ethereum.FilterQuery{Addresses: []common.Address{c.address}}, logs)
	if err != nil {
		return nil, err
	}
	defer logged.Unsubscribe()
	if _, err := c.contract.Transact(c.options, "set", big.NewInt(9)); err != nil {
		return nil, err
	}
	var numbers []int64
	var value *big.Int
	for len(numbers) < 2 || value == nil {
		select {
		case head := <-heads:
			numbers = append(numbers, head.Number.Int64())
		case log := <-logs:
			value = new(big.Int).SetBytes(log.Data)
		case err := <-headed.Err():
			return nil, err
		case err := <-logged.Err():
			return nil, err
		case <-time.After(limit):
			return nil, errors.New("no notification in time")
		}
	}
	return numbers[1], equal([]any{numbers[1], value}, []any{numbers[0] + 1, big.NewInt(9)})
}
