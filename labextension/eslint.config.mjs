import eslint from '@eslint/js';
import reactHooks from 'eslint-plugin-react-hooks';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Who may import whom inside src; see ARCHITECTURE.md. */
const forbidden = {
  protocol: ['client', 'components', 'model', 'notebook', 'plugins', 'widgets', 'tokens'],
  client: ['components', 'model', 'notebook', 'plugins', 'widgets'],
  model: ['components', 'plugins', 'widgets'],
  notebook: ['components', 'model', 'plugins', 'widgets'],
  components: ['client', 'plugins', 'widgets'],
  widgets: ['client', 'plugins']
};

/** Packages a folder must not know. */
const foreign = {
  protocol: ['@jupyterlab/*', '@lumino/*', 'react', 'react-dom'],
  client: ['react', 'react-dom'],
  model: ['react', 'react-dom']
};

const walls = Object.entries(forbidden).map(([folder, others]) => ({
  files: [`src/${folder}/**/*.{ts,tsx}`],
  ignores: ['**/*.spec.{ts,tsx}'],
  rules: {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: others.flatMap(other => [`**/${other}`, `**/${other}/**`]),
            message: `src/${folder} does not import this folder.`
          },
          ...(foreign[folder]
            ? [{ group: foreign[folder], message: `src/${folder} does not know this package.` }]
            : [])
        ]
      }
    ]
  }
}));

export default defineConfig(
  globalIgnores(['.yarn/', 'coverage/', 'node_modules/']),
  eslint.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.recommended, reactHooks.configs.flat['recommended-latest']],
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }
      ],
      curly: 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error'
    }
  },
  {
    files: ['**/*.{ts,tsx}'],
    ignores: ['dev/**'],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error'
    }
  },
  { files: ['*.js'], languageOptions: { globals: { module: 'writable' } } },
  ...walls
);
