use crate::args::{Look, MemberList, MembersArgs};
use crate::control::{MayBeMembers, MemberRow, MembersSet, Request};
use crate::failure::Failure;
use crate::output::{Ink, Output, Table, say};

pub(super) fn run(args: &MembersArgs) -> Result<(), Failure> {
    let (names, change) = match &args.list {
        None => return members(&args.look),
        Some(MemberList::Listed(look)) => return listed(look),
        Some(MemberList::Set(args)) => (Some(args.names.clone()), &args.change),
        Some(MemberList::Clear(change)) => (None, change),
    };
    let request = Request::SetMembers {
        names,
        timeout: change.milliseconds(),
    };
    let set: MembersSet = change.ask(&request, 1)?;
    if change.ask.json {
        return Output::stdout().json(&set);
    }
    match &set.listed {
        Some(names) => say(format!("only these may be members now: {}", names.join(", "))),
        None => say("everybody who has the key may be a member now"),
    }
    if !set.left.is_empty() {
        say(format!("left because of it: {}", set.left.join(", ")));
    }
    for name in &set.down {
        say(format!(
            "{name} is down, and leaves if it comes back; `ordu remove {name}` if it never will"
        ));
    }
    Ok(())
}

fn members(look: &Look) -> Result<(), Failure> {
    let members: Vec<MemberRow> = look.ask(&Request::Members)?;
    let output = Output::stdout();
    if look.ask.json {
        return output.json(&members);
    }
    let is_limited = members.iter().any(|member| member.listed.is_some());
    let columns = ["NAME", "STATE", "CHILDREN", "ADDR", "ID", "LISTED"];
    let mut table = Table::new(if is_limited { &columns } else { &columns[..5] });
    for member in &members {
        let listed = member.listed.map(|listed| {
            if listed {
                (Ink::Plain, "yes".to_owned())
            } else {
                (Ink::Passing, "no".to_owned())
            }
        });
        let row = [
            (Ink::Plain, member.name.clone()),
            (ink(&member.state), member.state.clone()),
            (Ink::Plain, member.children.to_string()),
            (Ink::Plain, member.addr.to_string()),
            (Ink::Faint, member.id.clone()),
        ];
        table.row(row.into_iter().chain(listed));
    }
    output.table(&table)
}

fn listed(look: &Look) -> Result<(), Failure> {
    let may: MayBeMembers = look.ask(&Request::MemberList)?;
    let output = Output::stdout();
    if look.ask.json {
        return output.json(&may);
    }
    let Some(names) = may.listed else {
        say("there is no list: everybody who has the key may be a member");
        return Ok(());
    };
    let mut table = Table::new(&["NAME"]);
    for name in names {
        table.row([(Ink::Plain, name)]);
    }
    output.table(&table)
}

/// The colour of a member's state.
pub(crate) fn ink(state: &str) -> Ink {
    match state {
        "alive" => Ink::Good,
        "joining" | "suspect" | "draining" => Ink::Passing,
        "down" => Ink::Bad,
        _ => Ink::Faint,
    }
}
