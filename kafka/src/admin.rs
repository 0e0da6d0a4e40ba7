//! Access rules and users by librdkafka's C interface, for which the safe client has no calls. Each call blocks.

#![expect(unsafe_code, reason = "the safe client has no calls for access rules and users")]

use std::ffi::{CStr, CString, c_char};
use std::ptr::{null, null_mut};
use std::time::Duration;

use rdkafka::bindings as c;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::client::Traced;
use crate::secret::Secret;

/// A client of the library, of any kind.
pub(crate) type Handle = rdkafka::client::Client<Traced>;

pub(crate) use c::rd_kafka_AclOperation_t as Operation;
pub(crate) use c::rd_kafka_AclPermissionType_t as Permission;
pub(crate) use c::rd_kafka_ResourcePatternType_t as Pattern;
pub(crate) use c::rd_kafka_ResourceType_t as Kind;

/// Rounds of hashing of a password; what Kafka allows at least is 4096.
const ITERATIONS: i32 = 8192;

/// How long after the brokers' own patience the library may still answer.
const GRACE: Duration = Duration::from_secs(1);

/// An access rule as a cluster holds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rule {
    pub kind: Kind,
    pub name: String,
    pub pattern: Pattern,
    pub principal: String,
    pub host: String,
    pub operation: Operation,
    pub permission: Permission,
}

/// All rules of a cluster.
pub(crate) fn describe_rules(client: &Handle, patience: Duration) -> KafkaResult<Vec<Rule>> {
    let mut refusal = Refusal::new();
    // SAFETY: absent texts mean "any"; the refusal's buffer outlives the call.
    let filter = unsafe {
        c::rd_kafka_AclBindingFilter_new(
            Kind::RD_KAFKA_RESOURCE_ANY,
            null(),
            Pattern::RD_KAFKA_RESOURCE_PATTERN_ANY,
            null(),
            null(),
            Operation::RD_KAFKA_ACL_OPERATION_ANY,
            Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ANY,
            refusal.text(),
            refusal.size(),
        )
    };
    let filter = Owned::new(filter, c::rd_kafka_AclBinding_destroy).ok_or_else(|| refusal.error())?;
    call(
        client,
        c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBEACLS,
        patience,
        // SAFETY: all pointers are live; the library copies the filter.
        |options, queue| unsafe { c::rd_kafka_DescribeAcls(client.native_ptr(), filter.pointer, options, queue) },
        // SAFETY: the event is the answer to this call; what the answer holds is copied before the event goes.
        |event| unsafe {
            let answer = c::rd_kafka_event_DescribeAcls_result(event);
            let mut count = 0;
            let rules = c::rd_kafka_DescribeAcls_result_acls(answer, &mut count);
            Ok(items(rules, count).iter().map(|&rule| read_rule(rule)).collect())
        },
    )
}

/// Add rules; one that is there already stays.
pub(crate) fn create_rules(client: &Handle, rules: &[Rule], patience: Duration) -> KafkaResult<()> {
    let rules = rules.iter().map(|rule| binding(rule, c::rd_kafka_AclBinding_new));
    let rules = rules.collect::<KafkaResult<Vec<_>>>()?;
    let mut pointers: Vec<_> = rules.iter().map(|rule| rule.pointer).collect();
    call(
        client,
        c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATEACLS,
        patience,
        // SAFETY: all pointers are live; the library copies the rules.
        |options, queue| unsafe {
            c::rd_kafka_CreateAcls(client.native_ptr(), pointers.as_mut_ptr(), pointers.len(), options, queue);
        },
        // SAFETY: the event is the answer to this call.
        |event| unsafe {
            let answer = c::rd_kafka_event_CreateAcls_result(event);
            let mut count = 0;
            let results = c::rd_kafka_CreateAcls_result_acls(answer, &mut count);
            items(results, count).iter().try_for_each(|&result| check(c::rd_kafka_acl_result_error(result)))
        },
    )
}

/// Remove rules.
pub(crate) fn delete_rules(client: &Handle, rules: &[Rule], patience: Duration) -> KafkaResult<()> {
    let rules = rules.iter().map(|rule| binding(rule, c::rd_kafka_AclBindingFilter_new));
    let rules = rules.collect::<KafkaResult<Vec<_>>>()?;
    let mut pointers: Vec<_> = rules.iter().map(|rule| rule.pointer).collect();
    call(
        client,
        c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETEACLS,
        patience,
        // SAFETY: all pointers are live; the library copies the rules.
        |options, queue| unsafe {
            c::rd_kafka_DeleteAcls(client.native_ptr(), pointers.as_mut_ptr(), pointers.len(), options, queue);
        },
        // SAFETY: the event is the answer to this call.
        |event| unsafe {
            let answer = c::rd_kafka_event_DeleteAcls_result(event);
            let mut count = 0;
            let results = c::rd_kafka_DeleteAcls_result_responses(answer, &mut count);
            let mut results = items(results, count).iter();
            results.try_for_each(|&result| check(c::rd_kafka_DeleteAcls_result_response_error(result)))
        },
    )
}

/// Make users, or give them new passwords, for SCRAM-SHA-512.
pub(crate) fn set_passwords(client: &Handle, users: &[(String, Secret)], patience: Duration) -> KafkaResult<()> {
    let users = users.iter().map(|(name, password)| upsertion(name, password)).collect::<KafkaResult<Vec<_>>>()?;
    let mut pointers: Vec<_> = users.iter().map(|user| user.pointer).collect();
    call(
        client,
        c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_ALTERUSERSCRAMCREDENTIALS,
        patience,
        // SAFETY: all pointers are live; the library copies the users.
        |options, queue| unsafe {
            let (users, count) = (pointers.as_mut_ptr(), pointers.len());
            c::rd_kafka_AlterUserScramCredentials(client.native_ptr(), users, count, options, queue);
        },
        // SAFETY: the event is the answer to this call.
        |event| unsafe {
            let answer = c::rd_kafka_event_AlterUserScramCredentials_result(event);
            let mut count = 0;
            let results = c::rd_kafka_AlterUserScramCredentials_result_responses(answer, &mut count);
            let error = c::rd_kafka_AlterUserScramCredentials_result_response_error;
            items(results, count).iter().try_for_each(|&result| check(error(result)))
        },
    )
}

/// Something of the library that is freed with its handle.
struct Owned<T> {
    pointer: *mut T,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    fn new(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> Option<Owned<T>> {
        (!pointer.is_null()).then_some(Owned { pointer, free })
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: it is ours, not null, and freed once.
        unsafe { (self.free)(self.pointer) }
    }
}

/// Where the library writes why it cannot make something.
struct Refusal([u8; 512]);

impl Refusal {
    fn new() -> Refusal {
        Refusal([0; 512])
    }

    fn text(&mut self) -> *mut c_char {
        self.0.as_mut_ptr().cast()
    }

    fn size(&self) -> usize {
        self.0.len()
    }

    fn error(&self) -> KafkaError {
        let said = CStr::from_bytes_until_nul(&self.0).unwrap_or_default();
        KafkaError::AdminOpCreation(said.to_string_lossy().into_owned())
    }
}

/// Ask the brokers and wait for their answer.
fn call<T>(
    client: &Handle,
    operation: c::rd_kafka_admin_op_t,
    patience: Duration,
    submit: impl FnOnce(*const c::rd_kafka_AdminOptions_t, *mut c::rd_kafka_queue_t),
    read: impl FnOnce(*mut c::rd_kafka_event_t) -> KafkaResult<T>,
) -> KafkaResult<T> {
    let millis = |duration: Duration| i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
    let mut refusal = Refusal::new();
    let client = client.native_ptr();
    // SAFETY: the client is live.
    let options =
        Owned::new(unsafe { c::rd_kafka_AdminOptions_new(client, operation) }, c::rd_kafka_AdminOptions_destroy);
    let options = options.ok_or_else(|| refusal.error())?;
    // SAFETY: options and buffer are live.
    let set = unsafe {
        let patience = millis(patience).max(1);
        c::rd_kafka_AdminOptions_set_request_timeout(options.pointer, patience, refusal.text(), refusal.size())
    };
    if set != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Err(refusal.error());
    }
    // SAFETY: the client is live.
    let queue = Owned::new(unsafe { c::rd_kafka_queue_new(client) }, c::rd_kafka_queue_destroy);
    let queue = queue.ok_or_else(|| refusal.error())?;
    submit(options.pointer, queue.pointer);
    // SAFETY: the queue is live; an answer that comes later than this waits for nobody and is freed by the library.
    let event = unsafe { c::rd_kafka_queue_poll(queue.pointer, millis(patience + GRACE)) };
    let event = Owned::new(event, c::rd_kafka_event_destroy).ok_or(KafkaError::AdminOp(Code::OperationTimedOut))?;
    // SAFETY: the event is live.
    match unsafe { c::rd_kafka_event_error(event.pointer) } {
        c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => read(event.pointer),
        error => Err(KafkaError::AdminOp(error.into())),
    }
}

/// What makes a rule, or a filter that only it passes: the library has one signature for both.
type Make = unsafe extern "C" fn(
    Kind,
    *const c_char,
    Pattern,
    *const c_char,
    *const c_char,
    Operation,
    Permission,
    *mut c_char,
    usize,
) -> *mut c::rd_kafka_AclBinding_t;

fn binding(rule: &Rule, make: Make) -> KafkaResult<Owned<c::rd_kafka_AclBinding_t>> {
    let (name, principal, host) = (text(&rule.name)?, text(&rule.principal)?, text(&rule.host)?);
    let mut refusal = Refusal::new();
    // SAFETY: texts and buffer outlive the call, which copies them.
    let made = unsafe {
        make(
            rule.kind,
            name.as_ptr(),
            rule.pattern,
            principal.as_ptr(),
            host.as_ptr(),
            rule.operation,
            rule.permission,
            refusal.text(),
            refusal.size(),
        )
    };
    Owned::new(made, c::rd_kafka_AclBinding_destroy).ok_or_else(|| refusal.error())
}

fn upsertion(name: &str, password: &Secret) -> KafkaResult<Owned<c::rd_kafka_UserScramCredentialAlteration_t>> {
    let (name, password) = (text(name)?, password.reveal().as_bytes());
    // SAFETY: name and password outlive the call, which copies them; without a salt the library draws one.
    let made = unsafe {
        c::rd_kafka_UserScramCredentialUpsertion_new(
            name.as_ptr(),
            c::rd_kafka_ScramMechanism_t::RD_KAFKA_SCRAM_MECHANISM_SHA_512,
            ITERATIONS,
            password.as_ptr(),
            password.len(),
            null_mut(),
            0,
        )
    };
    let made = Owned::new(made, c::rd_kafka_UserScramCredentialAlteration_destroy);
    made.ok_or_else(|| KafkaError::AdminOpCreation("a user cannot be made".to_owned()))
}

/// # Safety
/// The rule is one of an answer that is live.
unsafe fn read_rule(rule: *const c::rd_kafka_AclBinding_t) -> Rule {
    // SAFETY: as above.
    unsafe {
        Rule {
            kind: c::rd_kafka_AclBinding_restype(rule),
            name: read_text(c::rd_kafka_AclBinding_name(rule)),
            pattern: c::rd_kafka_AclBinding_resource_pattern_type(rule),
            principal: read_text(c::rd_kafka_AclBinding_principal(rule)),
            host: read_text(c::rd_kafka_AclBinding_host(rule)),
            operation: c::rd_kafka_AclBinding_operation(rule),
            permission: c::rd_kafka_AclBinding_permission_type(rule),
        }
    }
}

/// # Safety
/// It is a text that ends with a zero, or null.
unsafe fn read_text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as above.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// # Safety
/// It is an array of so many pointers, which lives as long as it is looked at.
unsafe fn items<'a, T>(array: *mut *const T, count: usize) -> &'a [*const T] {
    match array.is_null() {
        true => &[],
        // SAFETY: as above.
        false => unsafe { std::slice::from_raw_parts(array, count) },
    }
}

/// # Safety
/// It is an error that is live, or null, which means none.
unsafe fn check(error: *const c::rd_kafka_error_t) -> KafkaResult<()> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: as above.
    match unsafe { c::rd_kafka_error_code(error) } {
        c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(KafkaError::AdminOp(code.into())),
    }
}

fn text(text: &str) -> KafkaResult<CString> {
    CString::new(text).map_err(KafkaError::Nul)
}
