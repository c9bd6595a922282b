//! stub
pub fn apply(_: &super::request::Request, _: &mut super::reply::Reply) -> Result<(), u16> {
    Ok(())
}
