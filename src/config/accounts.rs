//! Users and groups by name, from the system's own lists.

/// The fields of the line whose first one is the name.
fn entry(file: &str, name: &str) -> Option<Vec<String>> {
    let text = std::fs::read(file).ok()?;
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().map(|line| line.split(':'));
    let fields = lines.find(|fields| fields.clone().next() == Some(name))?;
    Some(fields.map(str::to_owned).collect())
}

fn number(fields: &[String], index: usize) -> Option<u32> {
    fields.get(index)?.parse().ok()
}

/// A user's number, and the number of the user's own group.
pub fn user(name: &str) -> Option<(u32, u32)> {
    let fields = entry("/etc/passwd", name)?;
    Some((number(&fields, 2)?, number(&fields, 3)?))
}

/// A group's number.
pub fn group(name: &str) -> Option<u32> {
    number(&entry("/etc/group", name)?, 2)
}

/// `gid`, and every group that lists the user.
pub fn groups_of(name: &str, gid: u32) -> Vec<u32> {
    let text = std::fs::read("/etc/group").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let listed = text.lines().filter_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let mut members = fields.get(3)?.split(',');
        members.any(|member| member == name).then_some(())?;
        fields.get(2)?.parse::<u32>().ok()
    });
    let mut groups = vec![gid];
    groups.extend(listed.filter(|&other| other != gid));
    groups
}
