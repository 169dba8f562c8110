// Swagger UI, which shows the OpenAPI document: its files as they are, beside the page's own.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

export const SWAGGER = join(import.meta.dirname, 'node_modules/swagger-ui-dist');
const FILES = ['swagger-ui-bundle.js', 'swagger-ui.css'];
// What the files say of a map that is not served.
const MAP = /\n(?:\/\/|\/\*)# sourceMappingURL=.*$/m;

/** Puts Swagger UI into `docs/`. */
export function swagger(): Plugin {
  return {
    name: 'swagger',
    generateBundle() {
      for (const file of FILES) {
        const source = readFileSync(join(SWAGGER, file), 'utf8').replace(MAP, '');
        this.emitFile({ type: 'asset', fileName: `docs/${file}`, source });
      }
    },
  };
}
