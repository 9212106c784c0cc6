//! The cluster and its members.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::NonNull;

use serverlink::{ClusterStatus, MemberInfo, MemberState};

use crate::block::{self, Block};
use crate::failure::Failure;
use crate::{args, fence, spot};

/// `slk_member_t`.
#[repr(C)]
struct Member {
    node_id: *mut c_char,
    name: *mut c_char,
    endpoints: *mut c_char,
    incarnation: u64,
    state: c_int,
    reachable: c_int,
    itself: c_int,
    reserved_int: c_int,
    reserved: [u64; 4],
}

/// `slk_cluster_status_t`. Grows at its end only: older programs pass a smaller size.
#[repr(C)]
struct Status {
    size: u64,
    reachable: u64,
    quorum: u64,
    has_quorum: u64,
    partitioned: u64,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_cluster_status(
    spot: *mut c_void,
    status: *mut c_void,
    size: usize,
    members: *mut *mut Member,
    count: *mut usize,
) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        let place = args::place(status.cast::<u8>(), "status of slk_spot_cluster_status")?;
        if size < size_of::<u64>() {
            return Err(Failure::invalid(format_args!(
                "size of slk_spot_cluster_status is {size}: pass sizeof(slk_cluster_status_t)"
            )));
        }
        if members.is_null() != count.is_null() {
            return Err(Failure::invalid(
                "one of members and count of slk_spot_cluster_status is NULL: pass both, or neither",
            ));
        }
        let cluster = spot.running()?.node.cluster();
        if !members.is_null() {
            let list = list(&cluster.members)?;
            // SAFETY: the caller's places.
            unsafe {
                members.write(list);
                count.write(cluster.members.len());
            }
        }
        let status = Status::from(&cluster);
        let both_know = size.min(size_of::<Status>());
        // SAFETY: the caller's struct of so many bytes; ours has at least as many of them as are copied.
        unsafe {
            place.write_bytes(0, size);
            place.copy_from_nonoverlapping(NonNull::from(&status).cast(), both_know);
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_cluster_members_free(members: *mut Member, _count: usize) {
    // SAFETY: NULL or what slk_spot_cluster_status gave.
    unsafe { block::free(members) };
}

impl From<&ClusterStatus> for Status {
    fn from(cluster: &ClusterStatus) -> Self {
        Self {
            size: cluster.size as u64,
            reachable: cluster.reachable as u64,
            quorum: cluster.quorum as u64,
            has_quorum: cluster.has_quorum.into(),
            partitioned: cluster.partitioned.into(),
        }
    }
}

fn list(members: &[MemberInfo]) -> Result<*mut Member, Failure> {
    let texts: Vec<[String; 3]> = members
        .iter()
        .map(|member| {
            [
                member.node.to_string(),
                member.name.clone().unwrap_or_default(),
                member.endpoints.join(","),
            ]
        })
        .collect();
    let text_bytes = texts.iter().flatten().map(|text| text.len() + 1).sum();
    let mut block = Block::new(members.len(), text_bytes)?;
    for (index, (member, texts)) in members.iter().zip(&texts).enumerate() {
        let [node_id, name, endpoints] = texts;
        let record = Member {
            node_id: block.text(node_id),
            name: block.text(name),
            endpoints: block.text(endpoints),
            incarnation: member.incarnation,
            state: state(member.state),
            reachable: member.reachable.into(),
            itself: member.itself.into(),
            reserved_int: 0,
            reserved: [0; 4],
        };
        // SAFETY: below the count above.
        unsafe { block.record(index, record) };
    }
    Ok(block.finish())
}

/// `SLK_MEMBER_...`.
fn state(state: MemberState) -> c_int {
    match state {
        MemberState::Alive => 1,
        MemberState::Suspect => 2,
        MemberState::Down => 3,
    }
}
