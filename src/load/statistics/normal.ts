/** The z of a standard normal with 95 % between −z and z. */
export const z95 = 1.959_964;
