//! Attributes and times, between Python's types and the log's.

use operr_log::attributes::{
    ERROR_TYPE, EXCEPTION_MESSAGE, EXCEPTION_TYPE, LOG_RECORD_UID, OPERR_STATUS, RPC_METHOD, RPC_RESPONSE_STATUS_CODE,
    RPC_SYSTEM_NAME, SERVICE_NAME,
};
use operr_log::pb::opentelemetry::proto::common::v1::any_value::Value;
use operr_log::pb::opentelemetry::proto::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple, PyType};

use crate::arguments::{Data, Text};

/// The names of the attributes that every record has by itself.
pub(crate) const RESERVED: [&str; 9] = [
    EXCEPTION_TYPE,
    EXCEPTION_MESSAGE,
    ERROR_TYPE,
    RPC_SYSTEM_NAME,
    RPC_METHOD,
    RPC_RESPONSE_STATUS_CODE,
    SERVICE_NAME,
    LOG_RECORD_UID,
    OPERR_STATUS,
];

/// Takes the argument `attributes` over.
pub(super) fn attributes(object: &Bound<'_, PyAny>) -> PyResult<Vec<(String, AnyValue)>> {
    let mapping = object.cast::<PyMapping>().map_err(|_| {
        PyTypeError::new_err(format!("argument 'attributes': must be a mapping, not {}", name_of(object)))
    })?;
    let mut attributes = Vec::new();
    let mut bytes = 0;
    for pair in mapping.items()? {
        let (name, value) = pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        let Ok(Text(name)) = name.extract::<Text>() else {
            let text = format!("argument 'attributes': a name must be str, not {}", name_of(&name));
            return Err(PyTypeError::new_err(text));
        };
        if RESERVED.contains(&&*name) {
            let text = format!("argument 'attributes': {name:?} is what the record has by itself; leave it out");
            return Err(PyValueError::new_err(text));
        }
        let value = to_log(&name, &value, MAX_DEPTH, &mut bytes)?;
        attributes.push((name, value));
    }
    if bytes > MAX_BYTES {
        let text = format!("argument 'attributes': must have {MAX_BYTES} bytes or less, not {bytes}");
        return Err(PyValueError::new_err(text));
    }
    Ok(attributes)
}

/// A value as the log has it; adds to the bytes that there are.
fn to_log(name: &str, object: &Bound<'_, PyAny>, depth: usize, bytes: &mut usize) -> PyResult<AnyValue> {
    let Some(depth) = depth.checked_sub(1) else {
        let text = format!("argument 'attributes': {name:?} must not be more than {MAX_DEPTH} levels deep");
        return Err(PyValueError::new_err(text));
    };
    *bytes += SMALL;
    let value = if object.is_none() {
        None
    } else if let Ok(value) = object.cast::<PyBool>() {
        Some(Value::BoolValue(value.is_true()))
    } else if object.is_instance_of::<PyInt>() {
        let wide = |_| {
            let text = format!("argument 'attributes': {name:?} must be an int of 64 bits; as a str it can have more");
            PyValueError::new_err(text)
        };
        Some(Value::IntValue(object.extract::<i64>().map_err(wide)?))
    } else if let Ok(value) = object.cast::<PyFloat>() {
        Some(Value::DoubleValue(value.value()))
    } else if object.is_instance_of::<PyString>() {
        let Text(text) = object.extract()?;
        *bytes += text.len();
        Some(Value::StringValue(text))
    } else if let Ok(Data(data)) = object.extract::<Data>() {
        *bytes += data.len();
        Some(Value::BytesValue(data))
    } else if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        let values = object.try_iter()?.map(|value| to_log(name, &value?, depth, bytes));
        Some(Value::ArrayValue(ArrayValue { values: values.collect::<PyResult<_>>()? }))
    } else if let Ok(mapping) = object.cast::<PyMapping>() {
        let mut values = Vec::new();
        for pair in mapping.items()? {
            let (key, value) = pair.extract::<(Text, Bound<'_, PyAny>)>()?;
            *bytes += key.0.len();
            values.push(KeyValue { key: key.0, value: Some(to_log(name, &value, depth, bytes)?) });
        }
        Some(Value::KvlistValue(KeyValueList { values }))
    } else {
        let wanted = "str, bool, int, float, bytes, or a list or dict of these";
        let text = format!("argument 'attributes': {name:?} must be {wanted}, not {}", name_of(object));
        return Err(PyTypeError::new_err(text));
    };
    Ok(AnyValue { value })
}

/// Attributes as a dict. The error itself is none of them.
pub(super) fn to_python<'py>(py: Python<'py>, attributes: Vec<KeyValue>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for KeyValue { key, value } in attributes {
        if key != OPERR_STATUS {
            dict.set_item(key, one_to_python(py, value)?)?;
        }
    }
    Ok(dict)
}

fn one_to_python<'py>(py: Python<'py>, value: Option<AnyValue>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value.and_then(|value| value.value) {
        None => py.None().into_bound(py),
        Some(Value::StringValue(value)) => value.into_pyobject(py)?.into_any(),
        Some(Value::BoolValue(value)) => PyBool::new(py, value).to_owned().into_any(),
        Some(Value::IntValue(value)) => value.into_pyobject(py)?.into_any(),
        Some(Value::DoubleValue(value)) => value.into_pyobject(py)?.into_any(),
        Some(Value::BytesValue(value)) => PyBytes::new(py, &value).into_any(),
        Some(Value::ArrayValue(array)) => {
            let values = array.values.into_iter().map(|value| one_to_python(py, Some(value)));
            PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)?.into_any()
        }
        Some(Value::KvlistValue(list)) => {
            let dict = PyDict::new(py);
            for KeyValue { key, value } in list.values {
                dict.set_item(key, one_to_python(py, value)?)?;
            }
            dict.into_any()
        }
    })
}

/// Takes a time over: a datetime with a time zone, or nanoseconds since the Unix epoch.
pub(crate) fn nanos(name: &str, object: &Bound<'_, PyAny>) -> PyResult<u64> {
    static DATETIME: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = object.py();
    let nanos = if object.is_instance(DATETIME.import(py, "datetime", "datetime")?)? {
        if object.call_method0("utcoffset")?.is_none() {
            let text = "must have a time zone, as datetime.now(timezone.utc) has";
            return Err(PyValueError::new_err(format!("argument '{name}': {text}")));
        }
        let since = object.sub(epoch(py)?)?;
        let (days, seconds): (i128, i128) = (since.getattr("days")?.extract()?, since.getattr("seconds")?.extract()?);
        let micros: i128 = since.getattr("microseconds")?.extract()?;
        Some(((days * 86_400 + seconds) * 1_000_000 + micros) * 1_000)
    } else if object.is_instance_of::<PyInt>() && !object.is_instance_of::<PyBool>() {
        object.extract::<i128>().ok()
    } else {
        let wanted = "a datetime with a time zone, or nanoseconds such as time.time_ns()";
        return Err(PyTypeError::new_err(format!("argument '{name}': must be {wanted}, not {}", name_of(object))));
    };
    nanos.and_then(|nanos| u64::try_from(nanos).ok()).ok_or_else(|| {
        PyValueError::new_err(format!("argument '{name}': must be a time from 1970 to 2554, not {object}"))
    })
}

/// A time as a datetime in UTC, without what is less than a microsecond.
pub(crate) fn datetime<'py>(py: Python<'py>, nanos: u64) -> PyResult<Bound<'py, PyAny>> {
    static TIMEDELTA: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let micros = nanos / 1_000;
    let timedelta = TIMEDELTA.import(py, "datetime", "timedelta")?;
    epoch(py)?.add(timedelta.call1((0, micros / 1_000_000, micros % 1_000_000))?)
}

fn epoch(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static EPOCH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let epoch = EPOCH.get_or_try_init(py, || {
        let module = py.import("datetime")?;
        let utc = module.getattr("timezone")?.getattr(intern!(py, "utc"))?;
        module.getattr("datetime")?.call1((1970, 1, 1, 0, 0, 0, 0, utc)).map(Bound::unbind)
    });
    Ok(epoch?.bind(py))
}

fn name_of(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "that".to_owned(), |name| name.to_string())
}

/// How deep the values of attributes can be.
const MAX_DEPTH: usize = 16;
/// How many bytes they can have, well below what a record can have.
const MAX_BYTES: usize = 1 << 20;
/// What a small one counts for.
const SMALL: usize = 16;
