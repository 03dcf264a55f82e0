// What the builder needs to know beyond its own defaults: TypeScript goes through rspack's built-in
// swc, so a user's build installs no compiler. JSX uses the classic runtime, because Lab shares
// `react` but not `react/jsx-runtime`.
module.exports = {
  // anywidget comes as an AMD module, in a package that calls itself ESM.
  amd: {},
  resolve: { extensions: ['.ts', '.tsx', '.js'] },
  module: {
    rules: [
      {
        test: /\.tsx?$/,
        loader: 'builtin:swc-loader',
        options: {
          jsc: {
            parser: { syntax: 'typescript', tsx: true },
            transform: { react: { runtime: 'classic' } },
            target: 'es2022'
          }
        },
        type: 'javascript/auto'
      },
      {
        test: /node_modules[\\/]anywidget[\\/].*\.js$/,
        type: 'javascript/auto'
      },
      {
        // The builder's own rule expects the importing file to be JavaScript.
        test: /\.svg$/,
        issuer: /\.tsx?$/,
        type: 'asset/source'
      }
    ]
  }
};
