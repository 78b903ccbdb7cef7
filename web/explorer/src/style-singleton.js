// Stands in for react-style-singleton (by an alias in build.mjs), which injects <style> elements. A
// constructed stylesheet does the same and needs no 'unsafe-inline' in the Content-Security-Policy.
import { useInsertionEffect } from "react";

/** A component that applies the CSS text of its `styles` while it is mounted. */
export function styleSingleton() {
  return function Style({ styles }) {
    useInsertionEffect(() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(styles);
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
      return () => {
        document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
      };
    }, [styles]);
    return null;
  };
}
