// Colours of the languages that are asked for most.

import type { LanguageFn } from 'highlight.js';
import highlighter from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import csharp from 'highlight.js/lib/languages/csharp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import ini from 'highlight.js/lib/languages/ini';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import kotlin from 'highlight.js/lib/languages/kotlin';
import latex from 'highlight.js/lib/languages/latex';
import lua from 'highlight.js/lib/languages/lua';
import makefile from 'highlight.js/lib/languages/makefile';
import markdown from 'highlight.js/lib/languages/markdown';
import php from 'highlight.js/lib/languages/php';
import python from 'highlight.js/lib/languages/python';
import r from 'highlight.js/lib/languages/r';
import ruby from 'highlight.js/lib/languages/ruby';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import swift from 'highlight.js/lib/languages/swift';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';

const ANY_WORDS = '\\s+)+';
const NINE_WORDS = '\\s+){1,9}';

/** C# as it is there, but for a function that has any number of words before its name. */
const boundedCsharp: LanguageFn = (api) => {
  const made = csharp(api);
  for (const mode of made.contains) {
    if (mode === 'self' || typeof mode.begin !== 'string') continue;
    // Others are frozen.
    if (mode.begin.includes(ANY_WORDS)) mode.begin = mode.begin.replace(ANY_WORDS, NINE_WORDS);
  }
  return made;
};

// prettier-ignore
const languages = {
  bash, c, cpp, csharp: boundedCsharp, css, diff, go, ini, java, javascript, json, kotlin, latex, lua, makefile,
  markdown, php, python, r, ruby, rust, sql, swift, typescript, xml, yaml,
};
for (const [name, language] of Object.entries(languages)) {
  highlighter.registerLanguage(name, language);
}

export default highlighter;
