// SPDX-License-Identifier: MIT
// The same from Rust, no crate: rustc app.rs -L native=LIBDIR -l lutra
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::io::Write;
use std::ptr::{null, null_mut};

#[repr(C)]
struct Error {
    code: c_int,
    msg: [c_char; 500],
}

#[repr(C)]
struct Generate {
    size: usize,
    sampling: *const c_void,
    n_predict: c_int,
    ignore_end: c_int,
    stop: *const *const c_char,
    n_stop: c_int,
    on_text: Option<extern "C" fn(*mut c_void, *const u8, usize) -> c_int>,
    on_token: Option<extern "C" fn(*mut c_void, i32) -> c_int>,
    user: *mut c_void,
    grammar: *const c_char,
    restart: c_int,
}

extern "C" {
    fn lutra_model_open(m: *mut *mut c_void, path: *const c_char, opt: *const c_void, err: *mut Error) -> c_int;
    fn lutra_model_free(m: *mut c_void);
    fn lutra_session_open(s: *mut *mut c_void, m: *const c_void, opt: *const c_void, err: *mut Error) -> c_int;
    fn lutra_session_free(s: *mut c_void);
    fn lutra_session_feed(s: *mut c_void, ids: *const i32, n: c_int, err: *mut Error) -> c_int;
    fn lutra_tokenize(m: *const c_void, text: *const u8, len: usize, flags: u32, ids: *mut *mut i32, n: *mut usize,
                      err: *mut Error) -> c_int;
    fn lutra_generate(s: *mut c_void, opt: *const Generate, stop: *mut c_int, err: *mut Error) -> c_int;
    fn lutra_free(p: *mut c_void);
}

extern "C" fn show(_: *mut c_void, text: *const u8, n: usize) -> c_int {
    let bytes = unsafe { std::slice::from_raw_parts(text, n) };
    std::io::stdout().write_all(bytes).is_err() as c_int
}

fn main() {
    let path = CString::new(std::env::args().nth(1).expect("a model")).unwrap();
    let prompt = b"KING RICHARD:";
    let mut err = Error { code: 0, msg: [0; 500] };
    let (mut m, mut s, mut ids, mut n) = (null_mut(), null_mut(), null_mut(), 0usize);
    let g = Generate {
        size: std::mem::size_of::<Generate>(), sampling: null(), n_predict: 24, ignore_end: 0, stop: null(), n_stop: 0,
        on_text: Some(show), on_token: None, user: null_mut(), grammar: null(), restart: 0,
    };
    let bad = unsafe {
        lutra_model_open(&mut m, path.as_ptr(), null(), &mut err) != 0
            || lutra_session_open(&mut s, m, null(), &mut err) != 0
            || lutra_tokenize(m, prompt.as_ptr(), prompt.len(), 1, &mut ids, &mut n, &mut err) != 0
            || lutra_session_feed(s, ids, n as c_int, &mut err) != 0
            || lutra_generate(s, &g, null_mut(), &mut err) != 0
    };
    if bad {
        eprintln!("{}", unsafe { CStr::from_ptr(err.msg.as_ptr()) }.to_string_lossy());
    }
    std::io::stdout().flush().unwrap();
    unsafe {
        lutra_free(ids as *mut c_void);
        lutra_session_free(s);
        lutra_model_free(m);
    }
    std::process::exit(bad as i32);
}
