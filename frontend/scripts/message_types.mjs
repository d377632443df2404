// Lists the fields of all messages and their types, for a Python test that compares them with the server's.

import ts from "typescript";

// The listing as JSON: field -> type for every exported interface of a TypeScript file.
export function messageTypes(source) {
  const program = ts.createProgram([source], { strict: true, lib: ["lib.es5.d.ts"], types: [] });
  const checker = program.getTypeChecker();

  // A type as text: aliases are resolved, interfaces are named, members of unions are sorted.
  function shown(type) {
    if (type.isUnion()) {
      const members = new Set(type.types.map(shown));
      if (members.delete("true") && members.delete("false")) members.add("boolean");
      return [...members].sort().join(" | ");
    }
    if (type.isLiteral()) return JSON.stringify(type.value);
    if (checker.isTupleType(type)) return `[${checker.getTypeArguments(type).map(shown).join(", ")}]`;
    if (checker.isArrayType(type)) {
      const element = shown(checker.getTypeArguments(type)[0]);
      return element.includes(" | ") ? `(${element})[]` : `${element}[]`;
    }
    return checker.typeToString(type);
  }

  function fields(type) {
    return Object.fromEntries(checker.getPropertiesOfType(type).map((property) => {
      if (property.flags & ts.SymbolFlags.Optional) throw new Error(`${property.name} is optional: every field of a message is there.`);
      return [property.name, shown(checker.getTypeOfSymbol(property))];
    }));
  }

  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(source)));
  const interfaces = exported.filter((symbol) => symbol.flags & ts.SymbolFlags.Interface);
  const types = Object.fromEntries(interfaces.map((symbol) => [symbol.name, fields(checker.getDeclaredTypeOfSymbol(symbol))]));
  return `${JSON.stringify(types, null, 1)}\n`;
}
