// Makes the Client-Cert header field (RFC 9440) from the certificate that nginx has as PEM: the base64 between two
// colons. Without a certificate the value is empty, and nginx sends no field.
function header(request) {
    const pem = request.variables.ssl_client_raw_cert;
    if (!pem) {
        return '';
    }
    return ':' + pem.replace(/-----[A-Z ]+-----|\s/g, '') + ':';
}

export default { header };
