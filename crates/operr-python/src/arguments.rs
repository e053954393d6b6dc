//! What Python passes in, checked and taken over.

use bytes::Bytes;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString};

/// Takes an argument over, or says by its name what is wrong with it.
pub(crate) fn argument<'a, 'py, T>(name: &str, object: &'a Bound<'py, PyAny>) -> PyResult<T>
where
    T: FromPyObject<'a, 'py, Error = PyErr>,
{
    object.extract::<T>().map_err(|error| {
        let text = format!("argument '{name}': {}", error.value(object.py()));
        let is_of = |error: &PyErr| error.is_instance_of::<PyTypeError>(object.py());
        if is_of(&error) { PyTypeError::new_err(text) } else { PyValueError::new_err(text) }
    })
}

/// A `str`; code points that are lone surrogates are taken as U+FFFD.
pub(crate) struct Text(pub(crate) String);

impl<'a, 'py> FromPyObject<'a, 'py> for Text {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Text> {
        let text = object.cast::<PyString>().map_err(|_| not_a("str", object))?;
        if let Ok(text) = text.to_str() {
            return Ok(Text(text.to_owned()));
        }
        // A surrogate is three bytes that begin as no other character does, and so is U+FFFD.
        let encoded = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
        let mut bytes = encoded.extract::<Vec<u8>>()?;
        for at in 0..bytes.len() {
            if let Some([first @ 0xED, second @ 0xA0..=0xBF, third]) = bytes.get_mut(at..at + 3) {
                (*first, *second, *third) = (0xEF, 0xBF, 0xBD);
            }
        }
        Ok(Text(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// A `bytes`, `bytearray` or `memoryview`.
pub(crate) struct Data(pub(crate) Bytes);

impl<'a, 'py> FromPyObject<'a, 'py> for Data {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Data> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Data(Bytes::copy_from_slice(bytes.as_bytes())));
        }
        if let Ok(bytes) = object.cast::<PyByteArray>() {
            return Ok(Data(bytes.to_vec().into()));
        }
        // The stable ABI of 3.10 has no buffers.
        let memoryview = object.py().import("builtins")?.getattr("memoryview")?;
        if object.is_instance(&memoryview)? {
            let bytes = object.call_method0("tobytes")?.cast_into::<PyBytes>()?;
            return Ok(Data(Bytes::copy_from_slice(bytes.as_bytes())));
        }
        Err(not_a("bytes, bytearray or memoryview", object))
    }
}

/// An `int` of 32 bits.
pub(crate) struct Number(pub(crate) i32);

impl<'a, 'py> FromPyObject<'a, 'py> for Number {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Number> {
        match object.extract::<i64>().map(i32::try_from) {
            Ok(Ok(number)) => Ok(Number(number)),
            Err(error) if error.is_instance_of::<PyTypeError>(object.py()) => Err(not_a("int", object)),
            _ => Err(PyValueError::new_err(format!("a code has 32 bits, and {} has more", object.str()?))),
        }
    }
}

/// An `int` that counts bytes.
pub(crate) struct Size(pub(crate) usize);

impl<'a, 'py> FromPyObject<'a, 'py> for Size {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Size> {
        match object.extract::<usize>() {
            Ok(size) => Ok(Size(size)),
            Err(error) if error.is_instance_of::<PyTypeError>(object.py()) => Err(not_a("int", object)),
            Err(_) => Err(PyValueError::new_err(format!("{} is no number of bytes", object.str()?))),
        }
    }
}

fn not_a(wanted: &str, object: Borrowed<'_, '_, PyAny>) -> PyErr {
    let name = object.get_type().name().map_or_else(|_| "that".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("must be {wanted}, not {name}"))
}
