// Shows the server's OpenAPI document with Swagger UI, from this server alone.

const form = document.getElementById('key');
const trouble = document.getElementById('trouble');
// Where the server is, also behind a proxy's prefix.
const base = new URL('.', location.href);
let key = '';

async function start() {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const reply = await fetch(new URL('openapi.json', base), { headers });
  if (reply.status === 401) {
    form.hidden = false;
    trouble.textContent = key ? 'The server does not know that key.' : '';
    return;
  }
  if (!reply.ok) throw new Error(`got status ${reply.status} instead of the document`);
  const spec = await reply.json();
  if (base.pathname !== '/') spec.servers = [{ url: base.pathname.replace(/\/$/, '') }];
  form.hidden = true;
  trouble.textContent = '';
  window.SwaggerUIBundle({
    spec,
    domNode: document.getElementById('docs'),
    deepLinking: true,
    // It would ask a server of others.
    validatorUrl: null,
    tryItOutEnabled: true,
    requestInterceptor(request) {
      if (key) request.headers.Authorization ??= `Bearer ${key}`;
      return request;
    },
  });
}

function tell(error) {
  trouble.textContent = `The document cannot be shown: ${error.message}.`;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  key = form.querySelector('input').value.trim();
  start().catch(tell);
});
start().catch(tell);
