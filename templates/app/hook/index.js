// Serverless Devs runs these around `s init`. Nothing is fetched or run here: postInit only says how to go on.
async function preInit() {}

async function postInit(inputObj) {
  console.log(`
natkeeper: natkeeper.yaml, which names the gateways and routes, is still to be written, from what is in your VPC:

  cd ${(inputObj && inputObj.appPath) || "the new directory"}
  sh prepare.sh
  .venv/bin/natkeeper init

Then readme.md: roles, template, s deploy -y, doctor.
`);
}

module.exports = { preInit, postInit };
