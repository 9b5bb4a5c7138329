# hook call
# A guard for a part of the stack was put on a load that goes to the input in the first turn.
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 256, i7
    stb [%r10-64], 0
i6:
    jne32 %r1, 0, i8
i7:
    exit
i8:
    mov %r6, %r10
    add %r6, -64
    ldxb %r4, [%r6]
    and %r4, 252
    mov %r0, %r2
    add %r0, %r4
    ldxb %r5, [%r0+1]
    mov %r2, %r6
    ja i6
