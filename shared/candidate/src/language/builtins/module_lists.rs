//! Modules that hold modules or parameters.

use super::module::{children, object};
use super::modules::ModuleClass;
use super::parameters::make_parameter;
use super::{Args, Builtin};
use crate::language::interp::{Eval, Interp};
use crate::language::tensor::Role;
use crate::language::value::Value;

pub const CLASSES: &[ModuleClass] = &[
    ModuleClass {
        name: "Sequential",
        methods: &[
            Builtin {
                name: "__init__",
                places: 0,
                signature: "self,*modules",
                run: |s, a| {
                    let this = object(s, a)?;
                    match &a.rest[..] {
                        [Value::Dict(dict)] => {
                            for (name, value) in dict.map.borrow().strings() {
                                this.set(&name, value.clone());
                            }
                        }
                        modules => modules.iter().enumerate().for_each(|(i, m)| this.set(&i.to_string(), m.clone())),
                    }
                    Ok(Value::None)
                },
            },
            Builtin {
                name: "forward",
                places: 0,
                signature: "self,input",
                run: |s, a| {
                    let this = object(s, a)?;
                    let mut x = a.value("input").clone();
                    for (_, module) in children(&this) {
                        x = s.call(&module, vec![x], vec![])?;
                    }
                    Ok(x)
                },
            },
            APPEND,
        ],
    },
    ModuleClass { name: "ModuleList", methods: &[LIST_INIT, APPEND, EXTEND, INSERT] },
    ModuleClass { name: "ParameterList", methods: &[LIST_INIT, APPEND, EXTEND] },
    ModuleClass { name: "ModuleDict", methods: &[DICT_INIT, KEYS, VALUES, ITEMS, UPDATE, GET] },
    ModuleClass { name: "ParameterDict", methods: &[DICT_INIT, KEYS, VALUES, ITEMS, UPDATE, GET] },
];

const LIST_INIT: Builtin = Builtin {
    name: "__init__",
    places: 0,
    signature: "self,modules|values?",
    run: |s, a| {
        let this = object(s, a)?;
        if let Some(modules) = a.opt("modules") {
            let items = s.iterate(modules)?;
            let parameters = this.class.is_a("ParameterList");
            for (i, item) in items.into_iter().enumerate() {
                let item = if parameters { as_parameter(s, item)? } else { item };
                this.set(&i.to_string(), item);
            }
        }
        Ok(Value::None)
    },
};

const APPEND: Builtin = Builtin {
    name: "append",
    places: 0,
    signature: "self,module",
    run: |s, a| {
        let this = object(s, a)?;
        s.outlives(this.born, "a module list")?;
        let item = a.value("module").clone();
        let item = if this.class.is_a("ParameterList") { as_parameter(s, item)? } else { item };
        this.set(&children(&this).len().to_string(), item);
        Ok(a.value("self").clone())
    },
};

const EXTEND: Builtin = Builtin {
    name: "extend",
    places: 0,
    signature: "self,modules",
    run: |s, a| {
        let this = object(s, a)?;
        s.outlives(this.born, "a module list")?;
        for item in s.iterate(a.value("modules"))? {
            this.set(&children(&this).len().to_string(), item);
        }
        Ok(a.value("self").clone())
    },
};

const INSERT: Builtin = Builtin {
    name: "insert",
    places: 0,
    signature: "self,index,module",
    run: |s, a| {
        let this = object(s, a)?;
        s.outlives(this.born, "a module list")?;
        let mut items: Vec<Value> = children(&this).into_iter().map(|(_, v)| v).collect();
        let at = a.size(s, "index")?.min(items.len());
        items.insert(at, a.value("module").clone());
        items.into_iter().enumerate().for_each(|(i, item)| this.set(&i.to_string(), item));
        Ok(Value::None)
    },
};

const DICT_INIT: Builtin =
    Builtin { name: "__init__", places: 0, signature: "self,modules|parameters?", run: |s, a| update(s, a) };
const UPDATE: Builtin = Builtin { name: "update", places: 0, signature: "self,modules", run: |s, a| update(s, a) };

const KEYS: Builtin = Builtin {
    name: "keys",
    places: 0,
    signature: "self",
    run: |s, a| {
        let names = children(&*object(s, a)?).into_iter().map(|(n, _)| Value::Str(n)).collect();
        s.list(names)
    },
};

const VALUES: Builtin = Builtin {
    name: "values",
    places: 0,
    signature: "self",
    run: |s, a| {
        let values = children(&*object(s, a)?).into_iter().map(|(_, v)| v).collect();
        s.list(values)
    },
};

const ITEMS: Builtin = Builtin {
    name: "items",
    places: 0,
    signature: "self",
    run: |s, a| {
        let pairs = children(&*object(s, a)?).into_iter().map(|(n, v)| Value::tuple(vec![Value::Str(n), v])).collect();
        s.list(pairs)
    },
};

const GET: Builtin = Builtin {
    name: "get",
    places: 0,
    signature: "self,key,default?",
    run: |s, a| {
        let name = a.string(s, "key")?;
        Ok(object(s, a)?.get(&name).unwrap_or_else(|| a.value("default").clone()))
    },
};

fn update(s: &mut Interp<'_>, a: &Args) -> Eval<Value> {
    let this = object(s, a)?;
    let entries: Vec<(Value, Value)> = match a.opt("modules") {
        None => vec![],
        Some(Value::Dict(dict)) => dict.map.borrow().iter().map(|(n, v)| (n.clone(), v.clone())).collect(),
        Some(pairs) => {
            let mut entries = Vec::new();
            for pair in s.iterate(pairs)? {
                match &s.iterate(&pair)?[..] {
                    [name, value] => entries.push((name.clone(), value.clone())),
                    _ => return s.value_error("a dict of modules needs pairs"),
                }
            }
            entries
        }
    };
    for (name, value) in entries {
        let name = s.text(&name)?;
        let value = if this.class.is_a("ParameterDict") { as_parameter(s, value)? } else { value };
        this.set(&name, value);
    }
    Ok(Value::None)
}

fn as_parameter(s: &mut Interp<'_>, item: Value) -> Eval<Value> {
    match &item {
        Value::Tensor(t) if matches!(t.storage.role.get(), Role::Plain) => make_parameter(s, vec![item], vec![]),
        _ => Ok(item),
    }
}
