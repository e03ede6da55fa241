//! What each kind of proposal means: which are well formed, what stands in their way, what they do.

use super::{Motion, Obstacle, Refused, Turn};
use alloy_primitives::B256;
use chain::governance::MAX_SEATS;

impl Motion {
    /// Refuses what could never be carried out, whatever the state.
    pub(super) fn check(&self) -> Result<(), Refused> {
        let in_range = |is: bool| if is { Ok(()) } else { Err(Refused::OutOfRange) };
        match self {
            Self::Admit { admin, alias, capacity, operator } => {
                Turn::check_admission(*admin, *alias, *capacity, *operator)
            }
            Self::Expel(member) => in_range(*member > 0),
            Self::SetCapacity { member, capacity } => in_range(*member > 0 && *capacity <= MAX_SEATS as u64),
            Self::SetParameters(changes) => changes.check(),
            Self::ScheduleHardfork { name, .. } | Self::SetNamedContract { name, .. } => {
                if is_label(*name) {
                    Ok(())
                } else {
                    Err(Refused::BadLabel)
                }
            }
            Self::Upgrade { successor, at_block } => in_range(!successor.is_zero() && *at_block > 0),
        }
    }
}

impl Turn {
    pub(super) fn obstacle(&self, motion: &Motion) -> Option<Obstacle> {
        match motion {
            Motion::Admit { admin, alias, operator, .. } => {
                self.admission_obstacle(*admin, *alias, *operator)
            }
            Motion::Expel(member) => self.removal_obstacle(*member),
            Motion::SetCapacity { member, .. } => {
                (!self.state.members.contains_key(member)).then_some(Obstacle::UnknownMember)
            }
            Motion::SetParameters(_) => None,
            Motion::ScheduleHardfork { name, at_block } => self.hardfork_obstacle(*name, *at_block),
            Motion::SetNamedContract { name, location } => self.named_obstacle(*name, *location),
            Motion::Upgrade { at_block, .. } => self.upgrade_obstacle(*at_block),
        }
    }

    /// Carries out what `obstacle` found free.
    pub(super) fn carry_out(&mut self, motion: &Motion) {
        match motion {
            Motion::Admit { admin, alias, capacity, operator } => {
                self.admit(*admin, *alias, *capacity, *operator);
            }
            Motion::Expel(member) => self.remove(*member),
            Motion::SetCapacity { member, capacity } => {
                if let Some(member) = self.state.members.get_mut(member) {
                    member.capacity = *capacity;
                }
            }
            Motion::SetParameters(changes) => self.schedule(changes),
            Motion::ScheduleHardfork { name, at_block } => {
                self.state.hardforks.insert(*name, *at_block);
            }
            Motion::SetNamedContract { name, location } => self.set_named(*name, *location),
            Motion::Upgrade { successor, at_block } => self.state.successor = Some((*successor, *at_block)),
        }
    }

    /// True once the subject of an open proposal can never be what was meant.
    pub(super) fn is_stale(&self, motion: &Motion) -> bool {
        match motion {
            Motion::Expel(member) | Motion::SetCapacity { member, .. } => {
                !self.state.members.contains_key(member)
            }
            Motion::Admit { admin, .. } => self.state.members.values().any(|member| member.admin == *admin),
            _ => false,
        }
    }
}

/// 1 to 32 bytes of `a-z 0-9 - .`, left aligned, zero padded.
pub(super) fn is_label(word: B256) -> bool {
    let used = word.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    used > 0 && word.iter().take(used).all(allowed)
}
