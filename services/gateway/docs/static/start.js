"use strict";

// The viewer would ask a public service to validate the document; nothing here leaves the machine.
window.SwaggerUIBundle({ url: "openapi.json", dom_id: "#viewer", deepLinking: true, validatorUrl: null });
