//! Precompiles that a caller may move to other addresses (`movePrecompileToAddress`).

use alloy_primitives::{Address, map::AddressMap};
use revm::{
    context::{Cfg, ContextTr},
    handler::{EthPrecompiles, PrecompileProvider},
    interpreter::{CallInputs, InterpreterResult},
    primitives::{AddressSet, hardfork::SpecId},
};

/// The fork's precompiles, each at its own address until moved or replaced.
#[derive(Clone, Debug)]
pub(crate) struct MovablePrecompiles {
    inner: EthPrecompiles,
    /// Where one was moved to, and its own address.
    moved: AddressMap<Address>,
    addresses: AddressSet,
}

impl MovablePrecompiles {
    pub(crate) fn new(spec: SpecId) -> Self {
        let inner = EthPrecompiles::new(spec);
        let addresses = inner.warm_addresses().clone();
        Self { inner, moved: AddressMap::default(), addresses }
    }

    /// Whether there is one at this address.
    pub(crate) fn contains(&self, address: &Address) -> bool {
        self.addresses.contains(address)
    }

    /// Moves the precompile at `from`, if there is one.
    pub(crate) fn relocate(&mut self, from: Address, to: Address) {
        let Some(own) = self.own(&from) else { return };
        self.remove(from);
        self.addresses.insert(to);
        self.moved.insert(to, own);
    }

    /// Nothing is precompiled at `address` any more.
    pub(crate) fn remove(&mut self, address: Address) {
        self.addresses.remove(&address);
        self.moved.remove(&address);
    }

    /// The address that the precompile called at `address` is known by in the fork.
    fn own(&self, address: &Address) -> Option<Address> {
        if !self.addresses.contains(address) {
            return None;
        }
        Some(self.moved.get(address).copied().unwrap_or(*address))
    }
}

impl<CTX: ContextTr<Cfg: Cfg<Spec = SpecId>>> PrecompileProvider<CTX> for MovablePrecompiles {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: SpecId) -> bool {
        if spec == self.inner.spec {
            return false;
        }
        *self = Self::new(spec);
        true
    }

    fn run(&mut self, context: &mut CTX, inputs: &CallInputs) -> Result<Option<InterpreterResult>, String> {
        let Some(own) = self.own(&inputs.bytecode_address) else { return Ok(None) };
        if own == inputs.bytecode_address {
            return self.inner.run(context, inputs);
        }
        self.inner.run(context, &CallInputs { bytecode_address: own, ..inputs.clone() })
    }

    fn warm_addresses(&self) -> &AddressSet {
        &self.addresses
    }
}
