'use strict';

/*
 * Parsed, validated and priced documents, kept by their text: a client sends the same few texts for ever.
 */

const {
  GraphQLError,
  Kind,
  TypeInfo,
  coerceInputValue,
  getDirectiveValues,
  parse,
  print,
  typeFromAST,
  validate,
  visit,
  visitWithTypeInfo,
} = require('graphql');
const { requestedCost } = require('./cost');

const KEPT_DOCUMENTS = 2000;

/* Messages of graphql-js and the codes that Shopify's server gives to the same mistake. */
const VALIDATION_CODES = [
  [/^Invalid global id/, 'argumentLiteralsIncompatible'],
  [/^Cannot query field/, 'undefinedField'],
  [/^Unknown argument/, 'argumentNotAccepted'],
  [/^Unknown directive/, 'undefinedDirective'],
  [/^Unknown type/, 'undefinedType'],
  [/^Variable "\$\w+" is never used/, 'variableNotUsed'],
  [/^Variable "\$\w+" is not defined/, 'variableNotDefined'],
  [/^(?:Field|Directive) ".+" argument ".+" of type ".+" is required/, 'missingRequiredArguments'],
  [/selection of subfields/, 'selectionMismatch'],
  [/used in position expecting type/, 'variableMismatch'],
];

function withCode(error, code) {
  const { message, locations, path } = error;
  return { message, ...(locations && { locations }), ...(path && { path }), extensions: { code } };
}

function validationError(error) {
  const known = VALIDATION_CODES.find(([pattern]) => pattern.test(error.message));
  return withCode(error, known?.[1] ?? 'BAD_REQUEST');
}

/** Field names of a root selection with fragments opened. */
function rootFields(selectionSet, fragments) {
  return selectionSet.selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return [selection];
    const inner = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection;
    return rootFields(inner.selectionSet, fragments);
  });
}

function deprecations(schema, document) {
  const info = new TypeInfo(schema);
  const reasons = new Set();
  visit(
    document,
    visitWithTypeInfo(info, {
      Field() {
        const reason = info.getFieldDef()?.deprecationReason;
        if (reason) reasons.add(reason);
      },
    }),
  );
  return reasons.size === 0 ? null : [...reasons].join('; ').replace(/[^\x20-\x7e]/g, '?');
}

/** One operation of a document: what the endpoint has to know before it executes it. */
class Operation {
  constructor(node, document, schema, fragments) {
    this.node = node;
    this.document = document;
    this.schema = schema;
    this.fragments = fragments;
    this.name = node.name?.value ?? null;
    this.isMutation = node.operation === 'mutation';
    this.fields = rootFields(node.selectionSet, fragments);
    this.fieldNames = this.fields.map((field) => field.name.value);
    this.names = this.name === null ? this.fieldNames : [this.name, ...this.fieldNames];
    this.pagesByVariable = this.findPageVariables();
    this.fixedCost = this.pagesByVariable ? null : this.priceOf({});
    this.label = this.name ?? this.fieldNames[0];
  }

  findPageVariables() {
    let found = false;
    visit(this.document, {
      Argument(argument) {
        const isPage = argument.name.value === 'first' || argument.name.value === 'last';
        if (isPage && argument.value.kind === Kind.VARIABLE) found = true;
      },
    });
    return found;
  }

  priceOf(variables) {
    return requestedCost(this.node, { schema: this.schema, fragments: this.fragments, variables });
  }

  requestedCost(variables) {
    return this.fixedCost ?? this.priceOf(variables);
  }

  /** The idempotency key of a root field; null when there is none, or one that execution will refuse. */
  keyOf(field, variables) {
    try {
      const key = getDirectiveValues(this.schema.getDirective('idempotent'), field, variables)?.key;
      return typeof key === 'string' && key.trim() !== '' ? key : null;
    } catch {
      return null;
    }
  }

  /**
   * The arguments of a root field as they were sent, as text: what the key table compares. The order of members
   * counts, for nothing promises that it does not.
   */
  argumentText(field, variables) {
    const parts = field.arguments.map(({ name, value }) => {
      const isVariable = value.kind === Kind.VARIABLE;
      return `${name.value}=${isVariable ? JSON.stringify(variables[value.name.value]) : print(value)}`;
    });
    return `${field.name.value}(${parts.join(',')})`;
  }

  /** Why the variables do not fit, as Shopify says it: one error for each variable. */
  variableErrors(variables) {
    const errors = [];
    for (const definition of this.node.variableDefinitions ?? []) {
      const name = definition.variable.name.value;
      const type = typeFromAST(this.schema, definition.type);
      const isAbsent = !Object.hasOwn(variables, name);
      if (isAbsent && definition.defaultValue) continue;
      const problems = [];
      const value = isAbsent ? null : variables[name];
      if (!(isAbsent && definition.type.kind !== Kind.NON_NULL_TYPE)) {
        coerceInputValue(value, type, (path, _value, error) => problems.push({ path, explanation: error.message }));
      }
      if (problems.length === 0) continue;
      const { locations } = new GraphQLError('', { nodes: definition });
      errors.push({
        message: `Variable $${name} of type ${print(definition.type)} was provided invalid value`,
        locations,
        extensions: { code: 'INVALID_VARIABLE', value, problems },
      });
    }
    return errors;
  }
}

class Documents {
  constructor(schema) {
    this.schema = schema;
    this.kept = new Map();
  }

  /** {errors} (as they go into the answer) or {document, operations: Map, deprecated}. */
  get(text) {
    let entry = this.kept.get(text);
    if (entry === undefined) {
      if (this.kept.size >= KEPT_DOCUMENTS) this.kept.clear();
      entry = this.analyse(text);
      this.kept.set(text, entry);
    }
    return entry;
  }

  analyse(text) {
    let document;
    try {
      document = parse(text);
    } catch (error) {
      return { errors: [withCode(error, 'BAD_REQUEST')] };
    }
    const invalid = validate(this.schema, document);
    if (invalid.length > 0) return { errors: invalid.map(validationError) };
    const fragments = new Map();
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
    }
    const operations = new Map();
    for (const definition of document.definitions) {
      if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
      const operation = new Operation(definition, document, this.schema, fragments);
      operations.set(operation.name, operation);
    }
    return { document, operations, deprecated: deprecations(this.schema, document) };
  }

  /** The operation that a request means, or null when that is not clear. */
  static choose(entry, operationName) {
    if (operationName === undefined || operationName === null || operationName === '') {
      return entry.operations.size === 1 ? entry.operations.values().next().value : null;
    }
    return entry.operations.get(operationName) ?? null;
  }
}

module.exports = { Documents };
