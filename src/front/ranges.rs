//! stub
pub fn apply(_: &mut super::request::Request, _: &mut super::reply::Reply) -> Result<(), u16> {
    Ok(())
}
